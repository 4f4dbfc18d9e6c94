import { createHash, randomBytes } from 'node:crypto'
import type { SimulatedAccount } from './accounts.ts'
import { type Answer, type Exchange, jsonAnswer, send, suffer } from './http.ts'
import { errorAnswer } from './refusals.ts'
import { clientId, type TokenSet } from './tokens.ts'
import { accountOf, keep, type World } from './world.ts'

type Grant = { account: SimulatedAccount; redirectUri: string; challenge: string }
type Device = { userCode: string; account: SimulatedAccount | null }

/** Sign-in and token routes of the authorisation server. */
export type OAuth = {
  routes: Record<string, (exchange: Exchange) => Promise<void> | void>
  /** Lets the device that shows `userCode` in. @throws RangeError for an unknown code or address */
  approveDevice(userCode: string, email: string): void
}

const openGrants = 1000

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

export function createOAuth(world: World, authUrl: () => string): OAuth {
  const grants = new Map<string, Grant>()
  const devices = new Map<string, Device>()

  function grant(account: SimulatedAccount, redirectUri: string, challenge: string): string {
    const code = `ac_${randomBytes(24).toString('base64url')}`
    grants.set(code, { account, redirectUri, challenge })
    const oldest = grants.keys().next()
    if (grants.size > openGrants && !oldest.done) grants.delete(oldest.value)
    return code
  }

  async function token(exchange: Exchange): Promise<void> {
    if (textIn(exchange, 'client_id') !== clientId) {
      return send(exchange.response, errorAnswer(401, { code: 'invalid_client', message: 'Invalid client specified.' }))
    }
    const grantType = textIn(exchange, 'grant_type')
    if (grantType === 'refresh_token') return refresh(exchange)
    if (grantType === 'authorization_code') return send(exchange.response, exchangeCode(exchange))
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

  function exchangeCode(exchange: Exchange): Answer {
    const code = textIn(exchange, 'code')
    const found = grants.get(code)
    grants.delete(code)
    const fits =
      found?.redirectUri === textIn(exchange, 'redirect_uri') &&
      found.challenge === hashed(textIn(exchange, 'code_verifier'))
    if (!found || !fits) {
      return errorAnswer(400, { code: 'invalid_grant', message: 'The code is not valid.' })
    }
    exchange.record.email = found.account.email
    return tokenAnswer(world.tokens.issue(found.account), world.clock.now())
  }

  /** There is nobody to type a password: `login_hint` names the account, else the first one signs in. */
  function authorize(exchange: Exchange): Answer {
    const query = exchange.url.searchParams
    const hint = query.get('login_hint')
    const account = world.accounts.find(({ email }) => hint === null || email === hint)
    const redirectUri = query.get('redirect_uri')
    if (!account || !redirectUri || query.get('client_id') !== clientId) {
      return errorAnswer(400, { code: 'invalid_request', message: 'The request is not valid.' })
    }
    const target = new URL(redirectUri)
    target.searchParams.set('code', grant(account, redirectUri, query.get('code_challenge') ?? ''))
    target.searchParams.set('state', query.get('state') ?? '')
    return { status: 302, headers: { location: target.href }, body: '' }
  }

  function userCode(): Answer {
    const deviceAuthId = `deviceauth_${randomBytes(12).toString('hex')}`
    const shown = randomBytes(4).toString('hex').toUpperCase()
    const device: Device = { userCode: `${shown.slice(0, 4)}-${shown.slice(4)}`, account: null }
    devices.set(deviceAuthId, device)
    const oldest = devices.keys().next()
    if (devices.size > openGrants && !oldest.done) devices.delete(oldest.value)
    const expiresAt = new Date(world.clock.now() + 900_000).toISOString()
    const reply = { device_auth_id: deviceAuthId, user_code: device.userCode, interval: '5', expires_at: expiresAt }
    return jsonAnswer(200, reply)
  }

  function deviceToken(exchange: Exchange): Answer {
    const device = devices.get(textIn(exchange, 'device_auth_id'))
    if (!device?.account || device.userCode !== textIn(exchange, 'user_code')) {
      const error = { code: 'deviceauth_authorization_unknown', message: 'Device authorization is pending.' }
      return errorAnswer(403, error)
    }
    devices.delete(textIn(exchange, 'device_auth_id'))
    const verifier = randomBytes(32).toString('base64url')
    const code = grant(device.account, `${authUrl()}/deviceauth/callback`, hashed(verifier))
    const reply = { authorization_code: code, code_verifier: verifier, code_challenge: hashed(verifier) }
    return jsonAnswer(200, reply)
  }

  return {
    routes: {
      'POST /oauth/token': token,
      'GET /oauth/authorize': (exchange) => send(exchange.response, authorize(exchange)),
      'POST /api/accounts/deviceauth/usercode': (exchange) => send(exchange.response, userCode()),
      'POST /api/accounts/deviceauth/token': (exchange) => send(exchange.response, deviceToken(exchange)),
    },
    approveDevice(shown, email) {
      const device = [...devices.values()].find((waiting) => waiting.userCode === shown)
      if (!device) throw new RangeError(`There is no sign-in with the code ${shown}.`)
      device.account = accountOf(world.accounts, email)
    },
  }
}
