import type { LoginFault } from '../../domain/login.ts'

/** Why a sign-in brought nothing, and what to do: whole sentences, by our own codes. */
const sentences = {
  access_denied: 'The sign-in was refused in the browser. Start again and allow it.',
  code_refused: 'The sign-in server did not accept the code: it was used already, or it is too old. Start again.',
  sign_in_refused: 'The sign-in server refused the sign-in. Start again, or try the other way to sign in.',
  auth_unreachable: 'The sign-in server cannot be reached from this machine. Check its network, then start again.',
  egress_unavailable:
    'No proxy gives a way to the sign-in server. Check the ways out in the settings, then start again.',
  reply_lost: 'The answer of the sign-in server was lost on the way. Start again.',
  invalid_response: 'The sign-in server gave an answer that cannot be used. Start again.',
  unusable_tokens: 'The tokens that came do not say whose account it is. Start again, and choose the account there.',
  different_account:
    'You signed in with another account than the one whose sign-in was to be renewed. Nothing was changed. Sign out at chatgpt.com, start again and choose the right account.',
  account_gone: 'The account was deleted meanwhile. Start again to add it anew.',
  ambiguous_seat: 'More than one stored account fits this login. Delete one of them, then start again.',
  refresh_token_in_use: 'The login already belongs to another stored account. Delete that one, then start again.',
  not_stored: 'The new login could not be written into the database, so it is lost. The log says why. Start again.',
  interrupted: 'The server stopped while the code was being checked, so the code is lost. Start again.',
  timed_out: 'Nobody finished the sign-in in time. Start again.',
  code_expired: 'The code was not typed in in time. Start again.',
  superseded: 'Too many sign-ins were open, and this was the oldest. Start again.',
} as const

export type LoginFaultCode = keyof typeof sentences

export function loginFault(code: LoginFaultCode, detail: string | null = null): LoginFault {
  const message = detail === null ? sentences[code] : `${sentences[code]} (${detail})`
  return { code, message }
}

const byServerCode: Readonly<Record<string, LoginFaultCode>> = {
  access_denied: 'access_denied',
  authorization_declined: 'access_denied',
  invalid_grant: 'code_refused',
  expired_token: 'code_expired',
  deviceauth_expired: 'code_expired',
  auth_unreachable: 'auth_unreachable',
  egress_unavailable: 'egress_unavailable',
  reply_lost: 'reply_lost',
  invalid_response: 'invalid_response',
}

/** By the word of the sign-in server, or of the call to it; the word is told where it is none of ours. */
export function faultOfServer(code: string): LoginFault {
  return Object.hasOwn(byServerCode, code)
    ? loginFault(byServerCode[code] ?? 'sign_in_refused')
    : loginFault('sign_in_refused', code)
}
