import { createHash, randomBytes } from 'node:crypto'
import type { SimulatedAccount } from './accounts.ts'
import { type Answer, type Exchange, jsonAnswer, send, suffer } from './http.ts'
import { errorAnswer } from './refusals.ts'
import { choicePage, codePage, donePage } from './sign-in-pages.ts'
import { clientId, type TokenSet } from './tokens.ts'
import { accountOf, keep, type World } from './world.ts'

type Grant = { account: SimulatedAccount; redirectUri: string; challenge: string; untilMs: number }
type Device = {
  userCode: string
  answer: SimulatedAccount | 'denied' | null
  trouble: DeviceTrouble[]
  untilMs: number
}

export type DeviceTrouble = 'slow_down' | 'error'

/** How the next browser that asks is sent back: as whom, or with which error, or with a state that is none of its own. */
export type PlannedSignIn = { email?: string; error?: string; state?: string }

/** Sign-in and token routes of the authorisation server. */
export type OAuth = {
  routes: Record<string, (exchange: Exchange) => Promise<void> | void>
  /** Of the browsers that ask from now on, one after the other; the first account signs in where nothing is planned. */
  plan(...signIns: PlannedSignIn[]): void
  /** Lets the device that shows `userCode` in. @throws RangeError for an unknown code or address */
  approveDevice(userCode: string, email: string): void
  /** @throws RangeError for an unknown code */
  denyDevice(userCode: string): void
  /** How the next questions of the device are answered. @throws RangeError for an unknown code */
  troubleDevice(userCode: string, ...trouble: DeviceTrouble[]): void
}

const openGrants = 1000
/** How long a code may be sent in. */
const grantLifeMs = 10 * 60_000
const deviceLifeMs = 900_000

/** Puts a value into a map that never outgrows its bound. */
function remember<Value>(map: Map<string, Value>, key: string, value: Value): void {
  map.set(key, value)
  const oldest = map.keys().next()
  if (map.size > openGrants && !oldest.done) map.delete(oldest.value)
}

function hashed(verifier: string): string {
  return createHash('sha256').update(verifier).digest('base64url')
}

function textIn(exchange: Exchange, field: string): string {
  const value = exchange.body?.[field]
  return typeof value === 'string' ? value : ''
}

function tokenAnswer(set: TokenSet, nowMs: number) {
  return jsonAnswer(200, {
    access_token: set.accessToken,
    refresh_token: set.refreshToken,
    id_token: set.idToken,
    token_type: 'Bearer',
    expires_in: Math.floor((set.accessExpiresAtMs - nowMs) / 1000),
    scope: 'openid profile email offline_access',
  })
}

/** `interactive`: a browser that signs in sees a page on which a person chooses. */
export function createOAuth(world: World, authUrl: () => string, interactive: boolean): OAuth {
  const planned: PlannedSignIn[] = []
  const grants = new Map<string, Grant>()
  const devices = new Map<string, Device>()

  function grant(account: SimulatedAccount, redirectUri: string, challenge: string): string {
    const code = `ac_${randomBytes(24).toString('base64url')}`
    remember(grants, code, { account, redirectUri, challenge, untilMs: world.clock.now() + grantLifeMs })
    return code
  }

  async function token(exchange: Exchange): Promise<void> {
    if (textIn(exchange, 'client_id') !== clientId) {
      return send(exchange.response, errorAnswer(401, { code: 'invalid_client', message: 'Invalid client specified.' }))
    }
    const grantType = textIn(exchange, 'grant_type')
    if (grantType === 'refresh_token') return refresh(exchange)
    if (grantType === 'authorization_code') return exchangeCode(exchange)
    const message = `Unsupported grant type '${grantType}'.`
    send(exchange.response, errorAnswer(400, { code: 'unsupported_grant_type', message }))
  }

  async function refresh(exchange: Exchange): Promise<void> {
    const refreshToken = textIn(exchange, 'refresh_token')
    const found = world.tokens.lookUp(refreshToken)
    const email = found?.account.email ?? null
    exchange.record.email = email
    const note = (accepted: boolean, code: string | null) => {
      keep(world.refreshes, { refreshToken, email, accepted, code })
      world.log(`refresh ${email ?? 'of an unknown token'}: ${code ?? 'accepted'}`)
    }
    if (!found) {
      note(false, 'invalid_grant')
      return send(exchange.response, errorAnswer(400, { code: 'invalid_grant', message: 'Unknown refresh token.' }))
    }
    const scene = { model: '', nowMs: world.clock.now() }
    const effect = found.used ? null : world.faults.take(found.account, 'token', scene)
    if (effect && effect.kind !== 'drop_reply' && effect.kind !== 'delay') note(false, 'scripted')
    if (await suffer(exchange, effect, world.clock)) return
    // Asked again: during a scripted delay another request may have used the token.
    if (world.tokens.lookUp(refreshToken)?.used ?? true) {
      note(false, 'refresh_token_reused')
      const message =
        'Your refresh token has already been used to generate a new access token. Please try signing in again.'
      return send(exchange.response, errorAnswer(401, { code: 'refresh_token_reused', message }))
    }
    const set = world.tokens.rotate(refreshToken, found.account)
    note(true, null)
    if (effect?.kind !== 'drop_reply') return send(exchange.response, tokenAnswer(set, world.clock.now()))
    exchange.record.outcome = 'cut'
    exchange.request.socket.destroy()
  }

  async function exchangeCode(exchange: Exchange): Promise<void> {
    const code = textIn(exchange, 'code')
    const found = grants.get(code)
    grants.delete(code)
    const fits =
      found?.redirectUri === textIn(exchange, 'redirect_uri') &&
      found.challenge === hashed(textIn(exchange, 'code_verifier')) &&
      found.untilMs > world.clock.now()
    if (!found || !fits) {
      return send(exchange.response, errorAnswer(400, { code: 'invalid_grant', message: 'The code is not valid.' }))
    }
    exchange.record.email = found.account.email
    world.log(`${found.account.email} signed in`)
    const effect = world.faults.take(found.account, 'exchange', { model: '', nowMs: world.clock.now() })
    if (await suffer(exchange, effect, world.clock)) return
    send(exchange.response, tokenAnswer(world.tokens.issue(found.account), world.clock.now()))
  }

  function authorize(exchange: Exchange): Answer {
    const query = exchange.url.searchParams
    const redirectUri = query.get('redirect_uri')
    const isWhole =
      query.get('response_type') === 'code' &&
      query.get('client_id') === clientId &&
      query.get('code_challenge_method') === 'S256' &&
      (query.get('code_challenge') ?? '') !== '' &&
      (query.get('state') ?? '') !== ''
    if (!redirectUri || !URL.canParse(redirectUri) || !isWhole) {
      return errorAnswer(400, { code: 'invalid_request', message: 'The request is not valid.' })
    }
    const hint = query.get('login_hint')
    if (interactive && hint === null && query.get('error') === null && planned.length === 0) {
      return choicePage(exchange.url, world.accounts)
    }
    const plan = planned.shift() ?? {}
    const email = hint ?? plan.email
    const account = world.accounts.find((one) => email === undefined || one.email === email)
    const error = query.get('error') ?? plan.error ?? (account ? null : 'access_denied')
    const target = new URL(redirectUri)
    if (error !== null || !account) target.searchParams.set('error', error ?? 'access_denied')
    else target.searchParams.set('code', grant(account, redirectUri, query.get('code_challenge') ?? ''))
    target.searchParams.set('state', plan.state ?? query.get('state') ?? '')
    return { status: 302, headers: { location: target.href }, body: '' }
  }

  function userCode(): Answer {
    if (world.deviceLogin === 'off') return jsonAnswer(404, { detail: 'Not Found' })
    const deviceAuthId = `deviceauth_${randomBytes(12).toString('hex')}`
    const shown = randomBytes(4).toString('hex').toUpperCase()
    const untilMs = world.clock.now() + deviceLifeMs
    const device: Device = { userCode: `${shown.slice(0, 4)}-${shown.slice(4)}`, answer: null, trouble: [], untilMs }
    remember(devices, deviceAuthId, device)
    const expiresAt = new Date(untilMs).toISOString()
    const reply = { device_auth_id: deviceAuthId, user_code: device.userCode, interval: '5', expires_at: expiresAt }
    return jsonAnswer(200, reply)
  }

  function deviceToken(exchange: Exchange): Answer {
    const id = textIn(exchange, 'device_auth_id')
    const device = devices.get(id)
    const isKnown = device !== undefined && device.userCode === textIn(exchange, 'user_code')
    const trouble = isKnown ? device.trouble.shift() : undefined
    if (trouble === 'slow_down') return errorAnswer(400, { code: 'slow_down', message: 'Ask less often.' })
    if (trouble === 'error') return errorAnswer(503, { code: 'server_error', message: 'Something went wrong.' })
    if (isKnown && device.untilMs <= world.clock.now()) {
      return errorAnswer(400, { code: 'expired_token', message: 'The code has expired.' })
    }
    if (isKnown && device.answer === 'denied') {
      devices.delete(id)
      return errorAnswer(400, { code: 'access_denied', message: 'The request was denied.' })
    }
    if (!isKnown || device.answer === null || device.answer === 'denied') {
      const error = { code: 'deviceauth_authorization_unknown', message: 'Device authorization is pending.' }
      return errorAnswer(403, error)
    }
    devices.delete(id)
    const verifier = randomBytes(32).toString('base64url')
    const code = grant(device.answer, `${authUrl()}/deviceauth/callback`, hashed(verifier))
    const reply = { authorization_code: code, code_verifier: verifier, code_challenge: hashed(verifier) }
    return jsonAnswer(200, reply)
  }

  const waiting = (shown: string): Device => {
    const device = [...devices.values()].find((one) => one.userCode === shown)
    if (!device) throw new RangeError(`There is no sign-in with the code ${shown}.`)
    return device
  }

  /** Where a person types the code. The simulator's page also asks who it is. */
  function devicePage({ url }: Exchange): Answer {
    const shown = (url.searchParams.get('user_code') ?? '').trim().toUpperCase()
    if (shown === '') return codePage(world.accounts, '')
    const device = [...devices.values()].find((one) => one.userCode === shown)
    if (!device) return codePage(world.accounts, `Nobody waits for the code ${shown}.`)
    const email = url.searchParams.get('email')
    device.answer = world.accounts.find((one) => one.email === email) ?? 'denied'
    return donePage(device.answer === 'denied' ? 'Refused.' : 'Allowed.')
  }

  return {
    routes: {
      'POST /oauth/token': token,
      'GET /oauth/authorize': (exchange) => send(exchange.response, authorize(exchange)),
      'POST /api/accounts/deviceauth/usercode': (exchange) => send(exchange.response, userCode()),
      'POST /api/accounts/deviceauth/token': (exchange) => send(exchange.response, deviceToken(exchange)),
      'GET /codex/device': (exchange) => send(exchange.response, devicePage(exchange)),
    },
    plan: (...signIns) => void planned.push(...signIns),
    approveDevice(shown, email) {
      waiting(shown).answer = accountOf(world.accounts, email)
    },
    denyDevice(shown) {
      waiting(shown).answer = 'denied'
    },
    troubleDevice(shown, ...trouble) {
      waiting(shown).trouble.push(...trouble)
    },
  }
}
