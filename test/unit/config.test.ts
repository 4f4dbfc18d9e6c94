import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import ipaddr from 'ipaddr.js'
import { afterAll, describe, expect, it } from 'vitest'
import { ConfigError, readConfig } from '../../src/config.ts'
import { loadEnv } from '../../src/config-file.ts'

const root = mkdtempSync(join(tmpdir(), 'codex-lb-config-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

function folder(files: Record<string, string> = {}): string {
  const dir = mkdtempSync(join(root, 'cwd-'))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text)
  return dir
}

const empty = folder()
const read = (env: Record<string, string | undefined>) => readConfig({ HOME: '/home/u', ...env }, empty).config

function faultsOf(env: Record<string, string | undefined>, cwd = empty): readonly string[] {
  try {
    readConfig(env, cwd)
  } catch (error) {
    if (error instanceof ConfigError) return error.faults
    throw error
  }
  return []
}

describe('the configuration', () => {
  it('needs no variable', () => {
    expect(readConfig({ HOME: '/home/u' }, empty)).toEqual({
      config: {
        host: '127.0.0.1',
        port: 2455,
        realtimeBaseUrl: 'https://api.openai.com',
        dataDir: '/home/u/.codex-lb',
        databaseUrl: 'sqlite:/home/u/.codex-lb/codex-lb.db',
        encryptionKeyFile: '/home/u/.codex-lb/codex-lb.key',
        upstreamBaseUrl: 'https://chatgpt.com/backend-api',
        authBaseUrl: 'https://auth.openai.com',
        oauthCallbackPort: 1455,
        trustedProxies: [],
        allowedHosts: [],
        dashboardAuthMode: 'standard',
        dashboardVouching: null,
        dashboardBootstrapToken: null,
        usageRefreshMs: 60_000,
        drainMs: 30_000,
        logLevel: 'info',
        logFormat: 'json',
        metrics: true,
        metricsToken: null,
      },
      warnings: [],
    })
  })

  it.each([
    ['CODEX_LB_HOST', '0.0.0.0', { host: '0.0.0.0' }],
    ['CODEX_LB_HOST', '[::]', { host: '::' }],
    ['CODEX_LB_PORT', '0', { port: 0 }],
    ['PORT', '8080', { port: 8080 }],
    ['CODEX_LB_DATA_DIR', '~', { dataDir: '/home/u', databaseUrl: 'sqlite:/home/u/codex-lb.db' }],
    ['CODEX_LB_DATA_DIR', '/srv/lb', { dataDir: '/srv/lb', encryptionKeyFile: '/srv/lb/codex-lb.key' }],
    ['CODEX_LB_DATA_DIR', 'data', { dataDir: join(empty, 'data') }],
    ['CODEX_LB_DATABASE_URL', 'sqlite:~/a.db', { databaseUrl: 'sqlite:/home/u/a.db' }],
    ['CODEX_LB_DATABASE_URL', 'sqlite:///srv/a.db', { databaseUrl: 'sqlite:/srv/a.db' }],
    ['CODEX_LB_DATABASE_URL', 'postgres://u:p@db/lb', { databaseUrl: 'postgres://u:p@db/lb' }],
    ['CODEX_LB_DATABASE_URL', 'postgresql://db/lb', { databaseUrl: 'postgresql://db/lb' }],
    ['CODEX_LB_ENCRYPTION_KEY_FILE', '~/k', { encryptionKeyFile: '/home/u/k' }],
    ['CODEX_LB_UPSTREAM_BASE_URL', 'http://127.0.0.1:9/api//', { upstreamBaseUrl: 'http://127.0.0.1:9/api' }],
    ['CODEX_LB_AUTH_BASE_URL', 'https://AUTH.example/', { authBaseUrl: 'https://auth.example' }],
    ['CODEX_LB_REALTIME_BASE_URL', 'https://RT.example/', { realtimeBaseUrl: 'https://rt.example' }],
    ['CODEX_LB_OAUTH_CALLBACK_PORT', '0', { oauthCallbackPort: 0 }],
    [
      'CODEX_LB_ALLOWED_HOSTS',
      'LB.Example.org:8443, [::1]:80,fd00::1,',
      { allowedHosts: ['lb.example.org', '::1', 'fd00::1'] },
    ],
    ['CODEX_LB_DASHBOARD_AUTH_MODE', 'disabled', { dashboardAuthMode: 'disabled' }],
    ['CODEX_LB_USAGE_REFRESH_SECONDS', '5', { usageRefreshMs: 5_000 }],
    ['CODEX_LB_DRAIN_SECONDS', '0', { drainMs: 0 }],
    ['CODEX_LB_LOG_LEVEL', 'DEBUG', { logLevel: 'debug' }],
    ['CODEX_LB_LOG_FORMAT', 'pretty', { logFormat: 'pretty' }],
    ['CODEX_LB_METRICS', 'off', { metrics: false }],
  ])('understands %s=%s', (name, value, expected) => {
    expect(read({ [name]: value })).toMatchObject(expected)
  })

  it('prefers CODEX_LB_PORT to PORT, and ignores an unusable PORT then', () => {
    expect(read({ CODEX_LB_PORT: '1', PORT: 'http' }).port).toBe(1)
  })

  it('keeps trusted proxies ready to be matched', () => {
    const { trustedProxies } = read({ CODEX_LB_TRUSTED_PROXIES: '10.0.0.0/8, 192.168.1.7,fd00::/8' })
    const isTrusted = (text: string) =>
      trustedProxies.some(([range, bits]) => {
        const address = ipaddr.parse(text)
        return address.kind() === range.kind() && address.match(range, bits)
      })
    const answers = ['10.9.9.9', '11.0.0.1', '192.168.1.7', '192.168.1.8', 'fd12::1', 'fe80::1'].map(isTrusted)
    expect(answers).toEqual([true, false, true, false, true, false])
  })

  it('treats an empty value as not set', () => {
    expect(read({ CODEX_LB_HOST: '', CODEX_LB_PORT: ' ', PORT: '', CODEX_LB_METRICS_TOKEN: '' })).toMatchObject({
      host: '127.0.0.1',
      port: 2455,
      metricsToken: null,
    })
  })

  it('cannot be changed', () => {
    const config = read({ CODEX_LB_ALLOWED_HOSTS: 'a' })
    expect([config, config.allowedHosts, config.trustedProxies].every(Object.isFrozen)).toBe(true)
  })

  it('writes pretty logs on a terminal unless told otherwise', () => {
    expect(readConfig({}, empty, true).config.logFormat).toBe('pretty')
    expect(readConfig({ CODEX_LB_LOG_FORMAT: 'json' }, empty, true).config.logFormat).toBe('json')
  })

  it('keeps tokens out of what is printed', () => {
    const config = read({ CODEX_LB_DASHBOARD_BOOTSTRAP_TOKEN: 'boot-1', CODEX_LB_METRICS_TOKEN: 'metrics-1' })
    expect(config.dashboardBootstrapToken?.reveal()).toBe('boot-1')
    expect(config.metricsToken?.reveal()).toBe('metrics-1')
    expect(JSON.stringify(config)).not.toMatch(/boot-1|metrics-1/)
  })

  it('warns about an unknown variable and names the nearest known one', () => {
    const { warnings } = readConfig({ CODEX_LB_PROT: '1', CODEX_LB_LOGLEVEL: 'x', OTHER: 'y' }, empty)
    expect(warnings).toEqual([
      'CODEX_LB_PROT is not known and was ignored; did you mean CODEX_LB_PORT?',
      'CODEX_LB_LOGLEVEL is not known and was ignored; did you mean CODEX_LB_LOG_LEVEL?',
    ])
  })
})

describe('a bad configuration', () => {
  it.each([
    ['CODEX_LB_HOST', 'http://0.0.0.0', /"http:\/\/0\.0\.0\.0".*host name or an IP address/],
    ['CODEX_LB_HOST', '127.0.0.1:2455', /the port is CODEX_LB_PORT/],
    ['CODEX_LB_HOST', 'a b', /"a b"/],
    ['CODEX_LB_PORT', 'abc', /"abc".*from 0 to 65535/],
    ['CODEX_LB_PORT', '65536', /"65536"/],
    ['CODEX_LB_PORT', '-1', /"-1"/],
    ['CODEX_LB_PORT', '1e3', /"1e3"/],
    ['PORT', '80.5', /"80.5"/],
    ['CODEX_LB_DATA_DIR', '~bob/lb', /"~bob\/lb".*home directory/],
    ['CODEX_LB_DATABASE_URL', 'mysql://u:hunter2@db/lb', /mysql: is not.*sqlite:PATH or postgres:/],
    ['CODEX_LB_DATABASE_URL', 'sqlite:', /sqlite:PATH/],
    ['CODEX_LB_DATABASE_URL', 'sqlite://lb.db', /sqlite:PATH/],
    ['CODEX_LB_DATABASE_URL', 'postgres://u:hunter2@:x:y', /sqlite:PATH/],
    ['CODEX_LB_DATABASE_URL', 'hunter2', /sqlite:PATH/],
    ['CODEX_LB_ENCRYPTION_KEY_FILE', '~bob', /"~bob"/],
    ['CODEX_LB_UPSTREAM_BASE_URL', 'chatgpt.com', /"chatgpt.com".*https:\/\//],
    ['CODEX_LB_UPSTREAM_BASE_URL', 'ftp://chatgpt.com', /"ftp:/],
    ['CODEX_LB_UPSTREAM_BASE_URL', 'https://u:hunter2@chatgpt.com', /"…@chatgpt.com".*without user name/],
    ['CODEX_LB_UPSTREAM_BASE_URL', 'https://chatgpt.com/?k=hunter2', /query/],
    ['CODEX_LB_UPSTREAM_BASE_URL', 'https://chatgpt.com/#a', /fragment/],
    ['CODEX_LB_AUTH_BASE_URL', 'https://', /"https:/],
    ['CODEX_LB_OAUTH_CALLBACK_PORT', '99999', /"99999"/],
    ['CODEX_LB_TRUSTED_PROXIES', '10.0.0.0/33', /"10.0.0.0\/33".*CIDR/],
    ['CODEX_LB_TRUSTED_PROXIES', '10', /"10"/],
    ['CODEX_LB_TRUSTED_PROXIES', '10.0.0.0/8/8', /"10.0.0.0\/8\/8"/],
    ['CODEX_LB_TRUSTED_PROXIES', 'localhost', /"localhost"/],
    ['CODEX_LB_ALLOWED_HOSTS', '*', /"\*".*wildcard/],
    ['CODEX_LB_ALLOWED_HOSTS', 'https://lb.example.org', /scheme/],
    ['CODEX_LB_ALLOWED_HOSTS', '[::1', /"\[::1"/],
    ['CODEX_LB_DASHBOARD_AUTH_MODE', 'none', /"none".*standard, trusted_header, disabled/],
    ['CODEX_LB_DASHBOARD_BOOTSTRAP_TOKEN', 'hunter2 x', /visible ASCII/],
    ['CODEX_LB_USAGE_REFRESH_SECONDS', '0', /from 1 to/],
    ['CODEX_LB_DRAIN_SECONDS', '30s', /"30s"/],
    ['CODEX_LB_LOG_LEVEL', 'loud', /"loud".*debug/],
    ['CODEX_LB_LOG_FORMAT', 'xml', /pretty, json/],
    ['CODEX_LB_METRICS', 'maybe', /on, off/],
    ['CODEX_LB_METRICS_TOKEN', 'hunter2\n€', /visible ASCII/],
  ])('says what is wrong with %s=%s', (name, value, expected) => {
    const faults = faultsOf({ [name]: value })
    expect(faults).toHaveLength(1)
    expect(faults[0]).toMatch(new RegExp(`^${name}: `))
    expect(faults[0]).toMatch(expected)
    expect(faults[0]).not.toContain('hunter2')
  })

  it('lists all faults at once, also each bad item of a list, and ends with 78', () => {
    const cwd = folder()
    mkdirSync(join(cwd, '.env'))
    const env = { CODEX_LB_PORT: 'x', CODEX_LB_METRICS: 'y', CODEX_LB_TRUSTED_PROXIES: 'a,10.0.0.1,b' }
    const names = faultsOf(env, cwd).map((fault) => fault.split(':')[0])
    expect(names).toEqual([
      '.env',
      'CODEX_LB_PORT',
      'CODEX_LB_TRUSTED_PROXIES',
      'CODEX_LB_TRUSTED_PROXIES',
      'CODEX_LB_METRICS',
    ])
    expect(() => readConfig(env, cwd)).toThrow(expect.objectContaining({ exitCode: 78 }))
    expect(() => readConfig(env, cwd)).toThrow(/CODEX_LB_PORT[^\n]*\n[^\n]*CODEX_LB_TRUSTED_PROXIES/)
  })

  it('keeps a long or many-lined value short and on one line', () => {
    const [fault = ''] = faultsOf({ CODEX_LB_LOG_LEVEL: `a\nb${'c'.repeat(5_000)}` })
    expect(fault.length).toBeLessThan(250)
    expect(fault).not.toContain('\n')
  })
})

describe('the .env files', () => {
  it('are read: the environment wins over .env.local, which wins over .env', () => {
    const cwd = folder({
      '.env': 'CODEX_LB_PORT=1\nCODEX_LB_HOST=a\n# note\nexport CODEX_LB_LOG_LEVEL="warn"\n',
      '.env.local': 'CODEX_LB_PORT=2\nCODEX_LB_HOST=b\n',
    })
    expect(readConfig({ CODEX_LB_PORT: '3' }, cwd).config).toMatchObject({ port: 3, host: 'b', logLevel: 'warn' })
  })

  it('may be missing, and then nothing is added', () => {
    expect(loadEnv(join(empty, 'nowhere'), { A: '1', B: '', C: undefined })).toEqual({ env: { A: '1' }, faults: [] })
  })

  it('are a fault when they cannot be read', () => {
    const cwd = folder()
    mkdirSync(join(cwd, '.env.local'))
    expect(loadEnv(cwd, {}).faults).toEqual([
      expect.stringMatching(/^\.env\.local: the file cannot be read \(EISDIR\)/),
    ])
  })

  it('count for warnings too', () => {
    const { warnings } = readConfig({}, folder({ '.env': 'CODEX_LB_DRAIN_SECOND=1' }))
    expect(warnings).toEqual([expect.stringContaining('CODEX_LB_DRAIN_SECONDS')])
  })
})

describe('the sign-in of the dashboard', () => {
  const header = { CODEX_LB_DASHBOARD_AUTH_MODE: 'trusted_header', CODEX_LB_TRUSTED_PROXIES: '10.0.0.1' }
  const warningsOf = (env: Record<string, string>) => readConfig(env, empty).warnings

  it('believes Remote-User of trusted proxies, and what else it is told to', () => {
    expect(read({}).dashboardVouching).toBeNull()
    expect(read(header).dashboardVouching).toEqual({ userHeader: 'remote-user', groups: null })
    const named = {
      ...header,
      CODEX_LB_DASHBOARD_AUTH_PROXY_HEADER: 'X-Authentik-Username',
      CODEX_LB_DASHBOARD_ADMIN_GROUP: 'lb admins',
    }
    expect(read(named).dashboardVouching).toEqual({
      userHeader: 'x-authentik-username',
      groups: { header: 'remote-groups', admin: 'lb admins', viewer: null },
    })
    const groups = {
      ...named,
      CODEX_LB_DASHBOARD_AUTH_GROUPS_HEADER: 'X-Authentik-Groups',
      CODEX_LB_DASHBOARD_VIEWER_GROUP: 'staff',
    }
    expect(read(groups).dashboardVouching?.groups).toEqual({
      ...{ header: 'x-authentik-groups', admin: 'lb admins', viewer: 'staff' },
    })
    expect(warningsOf(groups)).toEqual([])
  })

  it.each([
    ['CODEX_LB_TRUSTED_PROXIES', { CODEX_LB_TRUSTED_PROXIES: '' }, /is empty.*reverse proxy.*=standard/],
    ['CODEX_LB_TRUSTED_PROXIES', { CODEX_LB_TRUSTED_PROXIES: '10.0.0.1,::/0' }, /all addresses/],
    ['CODEX_LB_DASHBOARD_VIEWER_GROUP', { CODEX_LB_DASHBOARD_VIEWER_GROUP: 'v' }, /CODEX_LB_DASHBOARD_ADMIN_GROUP/],
    ['CODEX_LB_DASHBOARD_AUTH_GROUPS_HEADER', { CODEX_LB_DASHBOARD_AUTH_GROUPS_HEADER: 'X-Groups' }, /ADMIN_GROUP/],
    [
      'CODEX_LB_DASHBOARD_AUTH_GROUPS_HEADER',
      { CODEX_LB_DASHBOARD_AUTH_GROUPS_HEADER: 'Remote-User', CODEX_LB_DASHBOARD_ADMIN_GROUP: 'a' },
      /header of the user/,
    ],
  ])('refuses to start with a trap: %s', (name, given: Record<string, string>, expected) => {
    const faults = faultsOf({ ...header, ...given })
    expect(faults).toEqual([expect.stringMatching(new RegExp(`^${name}: `))])
    expect(faults[0]).toMatch(expected)
  })

  it.each([
    ...['Authorization', 'Cookie', 'Host', 'Origin', 'User-Agent', 'X-Forwarded-For', 'X-Forwarded-User', 'Forwarded'],
    ...['X-Real-IP', 'Content-Type', 'Sec-Fetch-Site', 'Proxy-Authorization', 'CF-Connecting-IP', 'X-Request-Id', 'TE'],
    ...['', 'Remote User', 'Remote-User:', 'Rémote'].filter((name) => name !== ''),
  ])('lets no header name a user that has another meaning or is none: %s', (name) => {
    for (const variable of ['CODEX_LB_DASHBOARD_AUTH_PROXY_HEADER', 'CODEX_LB_DASHBOARD_AUTH_GROUPS_HEADER']) {
      const faults = faultsOf({ ...header, CODEX_LB_DASHBOARD_ADMIN_GROUP: 'a', [variable]: name })
      expect(faults).toEqual([expect.stringMatching(new RegExp(`^${variable}: .*Remote-User`))])
    }
  })

  it('that is switched off is told loudly, and wants a word more beyond this machine', () => {
    const off = { CODEX_LB_DASHBOARD_AUTH_MODE: 'disabled' }
    for (const host of ['127.0.0.1', '::1', 'localhost', '127.0.0.2']) {
      expect(warningsOf({ ...off, CODEX_LB_HOST: host })).toEqual([
        expect.stringMatching(/^NOBODY SIGNS IN.*this machine/),
      ])
    }
    expect(warningsOf({ ...off, CODEX_LB_ALLOWED_HOSTS: 'lb.example.org' })).toEqual([
      expect.stringMatching(/through the reverse proxy too/),
    ])
    for (const host of ['0.0.0.0', '::', '192.168.1.5', 'lb.example.org']) {
      expect(faultsOf({ ...off, CODEX_LB_HOST: host })).toEqual([
        expect.stringMatching(/^CODEX_LB_DASHBOARD_AUTH_MODE: .*CODEX_LB_DASHBOARD_ALLOW_UNPROTECTED=yes/),
      ])
      const confirmed = { ...off, CODEX_LB_HOST: host, CODEX_LB_DASHBOARD_ALLOW_UNPROTECTED: 'yes' }
      expect(warningsOf(confirmed)).toEqual([expect.stringContaining(`reaches ${host} is an admin`)])
    }
  })

  it('tells of variables that do nothing in another mode', () => {
    expect(warningsOf({ CODEX_LB_DASHBOARD_ADMIN_GROUP: 'a' })).toEqual([
      expect.stringMatching(/CODEX_LB_DASHBOARD_ADMIN_GROUP: without effect/),
    ])
  })
})
