import { describe, expect, it } from 'vitest'
import { readAuthFile } from '../../src/accounts/auth-file.ts'
import type { ImportCandidate } from '../../src/store/store.ts'
import {
  authClaim,
  faultsIn,
  idClaims,
  type Json,
  jwt,
  now,
  pathsIn,
  profileClaim,
  read,
  tokens,
  withClaims,
  withTokens,
} from '../support/auth-json.ts'

/** The one account in a file; fails with the faults when there is another number of them. */
function accountIn(value: unknown): ImportCandidate {
  const [entry, ...more] = read(value)
  if (!entry?.ok || more.length > 0) throw new Error(JSON.stringify([entry, ...more]))
  return entry.candidate
}

describe('an auth.json of the Codex CLI', () => {
  it('gives an account with its tokens', () => {
    const account = accountIn({ OPENAI_API_KEY: null, tokens, last_refresh: '2026-02-28T08:00:00.123456789Z' })
    expect(account).toMatchObject({
      chatgptAccountId: 'acc-1',
      seat: 'user-ann',
      email: 'ann@example.org',
      plan: 'plus',
      workspaceId: null,
      workspaceLabel: null,
      refreshedAtMs: Date.parse('2026-02-28T08:00:00.123Z'),
    })
    expect(account.tokens.expiresAtMs).toBe(1_800_000_000_000)
    expect(account.tokens.accessToken.reveal()).toBe(tokens.access_token)
    expect(account.tokens.refreshToken.reveal()).toBe('rt-1')
    expect(account.tokens.idToken?.reveal()).toBe(tokens.id_token)
    expect(JSON.stringify(account)).not.toContain('rt-1')
  })

  it.each([
    [
      'camelCase',
      { idToken: tokens.id_token, accessToken: tokens.access_token, refreshToken: 'rt-1', accountId: 'acc-9' },
    ],
    [
      'a mixture',
      { idToken: tokens.id_token, access_token: tokens.access_token, refreshToken: 'rt-1', account_id: 'acc-9' },
    ],
    [
      'both, one of them empty',
      { ...tokens, id_token: '', idToken: tokens.id_token, accountId: null, account_id: 'acc-9' },
    ],
  ])('may be written in %s', (_, spelled) => {
    expect(accountIn({ tokens: spelled }).chatgptAccountId).toBe('acc-9')
  })

  it('may start with a byte order mark', () => {
    const text = `\uFEFF${JSON.stringify({ tokens })}`
    expect(readAuthFile(text, now)[0]?.ok).toBe(true)
    expect(readAuthFile(Buffer.from(text), now)[0]?.ok).toBe(true)
  })

  it('may have an opaque access token, whose end is then unknown', () => {
    expect(accountIn(withTokens({ access_token: 'opaque' })).tokens.expiresAtMs).toBeNull()
  })

  it('may carry an API key beside the tokens', () => {
    expect(accountIn({ OPENAI_API_KEY: 'sk-x', auth_mode: 'chatgpt', tokens }).seat).toBe('user-ann')
  })

  it('loses the white space around its tokens', () => {
    expect(accountIn(withTokens({ refresh_token: ' rt-1\n' })).tokens.refreshToken.reveal()).toBe('rt-1')
  })

  it.each([
    ['last_refresh', '2026-02-01T00:00:00Z', '2026-02-01T00:00:00Z'],
    ['lastRefresh', '2026-02-01T02:00:00+02:00', '2026-02-01T00:00:00Z'],
    ['lastRefreshAt', '2026-03-02T11:00:00.5Z', '2026-03-02T11:00:00.5Z'],
    ['last_refresh', '2026-03-02T13:00:00Z', null],
    ['last_refresh', '1970-01-01T00:00:00Z', null],
    ['last_refresh', 'yesterday', null],
    ['last_refresh', '2026-99-99T00:00:00Z', null],
    ['last_refresh', 1_760_000_000, null],
  ])('was refreshed when %s says so credibly: %s', (name, value, expected) => {
    expect(accountIn({ tokens, [name]: value }).refreshedAtMs).toBe(expected === null ? now : Date.parse(expected))
  })

  it.each([
    [1_800_000_000, 1_800_000_000_000],
    [1_800_000_000.9, 1_800_000_000_000],
    ['1800000000', 1_800_000_000_000],
    [1_800_000_000_000, null],
    [0, null],
    [-1, null],
    [1e300, null],
    ['soon', null],
    ['', null],
    [null, null],
    [[1_800_000_000], null],
  ])('ends when the exp of its access token says so credibly: %j', (exp, expected) => {
    expect(accountIn(withTokens({ access_token: jwt({ exp }) })).tokens.expiresAtMs).toBe(expected)
  })
})

describe('who an account is', () => {
  const base = { email: 'a@b.c', chatgpt_account_id: 'top' }

  it.each<[string, Json, Json, Partial<ImportCandidate>]>([
    [
      'the inner object outranks the top level',
      { ...base, [authClaim]: { chatgpt_account_id: 'in' } },
      {},
      { chatgptAccountId: 'in' },
    ],
    [
      'the top level counts too',
      { ...base, chatgpt_plan_type: 'TEAM', user_id: 'u' },
      {},
      { chatgptAccountId: 'top', plan: 'team', seat: 'u' },
    ],
    ['an alias names the user', { ...base, [authClaim]: { chatgpt_account_user_id: 'au' } }, {}, { seat: 'au' }],
    ['the first alias wins', { ...base, [authClaim]: { user_id: 'u', chatgpt_user_id: 'cu' } }, {}, { seat: 'cu' }],
    ['sub is the last resort', { ...base, sub: 's' }, {}, { seat: 's' }],
    [
      'a user id of the access token outranks sub',
      { ...base, sub: 's' },
      { [authClaim]: { user_id: 'u' } },
      { seat: 'u' },
    ],
    ['without any user id the e-mail address must do', base, {}, { seat: null, email: 'a@b.c' }],
    [
      'without an e-mail address the user id must do',
      { sub: 's', chatgpt_account_id: 'x' },
      {},
      { seat: 's', email: null },
    ],
    ['no plan is unknown', base, {}, { plan: 'unknown' }],
    [
      'the access token fills in',
      { sub: 's' },
      { chatgpt_account_id: 'y', chatgpt_plan_type: 'pro', [profileClaim]: { email: ' B@C.D ' } },
      { chatgptAccountId: 'y', plan: 'pro', email: 'b@c.d' },
    ],
    [
      'the ID token comes first',
      base,
      { chatgpt_account_id: 'y', email: 'b@c.d' },
      { chatgptAccountId: 'top', email: 'a@b.c' },
    ],
    ['what is no address is passed over', { ...base, email: 'nobody' }, { email: 'b@c.d' }, { email: 'b@c.d' }],
    [
      'an address with an invisible character is passed over',
      { ...base, sub: 's', email: 'a\u200b@b.c' },
      {},
      { email: null },
    ],
    [
      'the workspace',
      { ...base, [authClaim]: { org_id: 'w', tenant_name: 'Wörk' } },
      {},
      { workspaceId: 'w', workspaceLabel: 'Wörk' },
    ],
    [
      'the workspace by its first alias',
      { ...base, tenant_id: 't', workspace_id: 'w', workspace_label: 'L', org_name: 'O' },
      {},
      { workspaceId: 'w', workspaceLabel: 'L' },
    ],
    [
      'a label that would turn a terminal around is none',
      { ...base, workspace_label: '\u202egnp' },
      {},
      { workspaceLabel: null },
    ],
    [
      'claims of other types are none',
      { ...base, sub: 7, workspace_id: {}, chatgpt_plan_type: ['pro'], [authClaim]: 'x' },
      {},
      { seat: null, workspaceId: null, plan: 'unknown' },
    ],
    ['an endless claim is none', { ...base, sub: 'x'.repeat(10_000) }, {}, { seat: null }],
  ])('%s', (_, id, access, expected) => {
    expect(accountIn(withClaims(id, access))).toMatchObject(expected)
  })

  it('prefers the account id of the file to that of its tokens', () => {
    expect(accountIn(withTokens({ account_id: 'acc-file' })).chatgptAccountId).toBe('acc-file')
    expect(accountIn(withTokens({ account_id: '' })).chatgptAccountId).toBe('acc-1')
  })
})

describe('an auth.json of OpenCode', () => {
  const access = jwt({ ...idClaims, email: undefined, [profileClaim]: { email: 'ann@example.org' } })
  const openai = { type: 'oauth', refresh: 'rt-2', access, expires: 1_790_000_000_000 }

  it('gives the account of its openai entry; other providers do not matter', () => {
    const account = accountIn({ anthropic: { type: 'api', key: 'k' }, openai, broken: 7 })
    expect(account).toMatchObject({
      chatgptAccountId: 'acc-1',
      seat: 'user-ann',
      email: 'ann@example.org',
      plan: 'plus',
    })
    expect(account.refreshedAtMs).toBe(now)
    expect(account.tokens).toMatchObject({ idToken: null, expiresAtMs: 1_790_000_000_000 })
    expect([account.tokens.accessToken.reveal(), account.tokens.refreshToken.reveal()]).toEqual([access, 'rt-2'])
  })

  it('may name the account itself, and the token says best when it ends', () => {
    const account = accountIn({
      openai: { ...openai, accountId: 'acc-7', access: jwt({ sub: 's', exp: 1_800_000_000 }) },
    })
    expect(account).toMatchObject({ chatgptAccountId: 'acc-7', tokens: { expiresAtMs: 1_800_000_000_000 } })
  })

  it.each([0, -5, 1_790_000_000, 1e300, '1790000000000', null])('does not believe expires %j', (expires) => {
    expect(accountIn({ openai: { ...openai, expires } }).tokens.expiresAtMs).toBeNull()
  })
})

describe('a list of logins', () => {
  it('is judged one by one', () => {
    const entries = read([
      { tokens },
      7,
      withTokens({ refresh_token: 5, id_token: '' }),
      { openai: { type: 'api', key: 'k' } },
      { tokens: { idToken: tokens.id_token, accessToken: 'opaque', refreshToken: 'rt-3' } },
    ])
    expect(entries.map((entry) => (entry.ok ? entry.candidate.tokens.refreshToken.reveal() : entry.path))).toEqual([
      'rt-1',
      '[1]',
      '[2].tokens.id_token',
      '[2].tokens.refresh_token',
      '[3].openai.type',
      'rt-3',
    ])
  })

  it('may have a thousand entries', () => {
    const entries = read(Array.from({ length: 1_000 }, () => ({ tokens })))
    expect(entries.filter((entry) => entry.ok)).toHaveLength(1_000)
  })
})

describe('a fault', () => {
  it('names every bad token of a login, as it is spelled there', () => {
    expect(pathsIn({ tokens: { idToken: 7, refresh_token: '' } })).toEqual([
      'tokens.idToken',
      'tokens.access_token',
      'tokens.refresh_token',
    ])
  })

  it('tells an API key login from a missing sign-in', () => {
    expect(faultsIn({ OPENAI_API_KEY: 'sk-secret', tokens: null })).toEqual([
      {
        ok: false,
        path: 'OPENAI_API_KEY',
        message: 'This is an API key login; sign in to Codex with ChatGPT and use that file.',
      },
    ])
  })

  it('says which type an OpenCode login has', () => {
    expect(faultsIn({ openai: { type: 'api', key: 'k' } })[0]?.message).toContain('"api"')
  })

  it('tells where the JSON breaks, where that is known', () => {
    expect(faultsIn('{"tokens": {"id_token": "abc')[0]?.message).toMatch(/position \d+/)
  })

  it('never repeats what the file says', () => {
    const files = ['{"tokens": {"access_token": verysecret}}', '{"tokens": {"access_token": "verysecret']
    for (const file of files) expect(JSON.stringify(faultsIn(file))).not.toContain('verysecret')
    expect(JSON.stringify(faultsIn(withTokens({ id_token: 'verysecret', refresh_token: 7 })))).not.toContain(
      'verysecret',
    )
  })
})
