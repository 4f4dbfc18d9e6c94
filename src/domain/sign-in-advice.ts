import type { Health } from './account.ts'

/** What a person needs to know about a sign-in that has ended, or soon will: why, and what to do. Whole sentences. */
export type SignInAdvice = { cause: string; fix: string }

const again = 'Sign in again; the account keeps its history and its settings.'
/** A file that two programs use ends in the same conflict again. */
const apart = 'Sign in again here, and leave this login to the server: no other program may use it.'
const notAnswered = 'It may be spent by that, and sending it twice would end the sign-in, so this server does not.'
const ask = 'Find out on chatgpt.com what became of the account. Once it is open again, sign in again here.'

const conflict: SignInAdvice = {
  cause:
    "Another program uses this account's sign-in and has renewed it (most often Codex itself with the same auth.json).",
  fix: apart,
}
const endedElsewhere: SignInAdvice = {
  cause: 'The sign-in was ended elsewhere: by a log-out, a new password, or in the security settings of the account.',
  fix: again,
}

/** By the code that ended the sign-in: as the sign-in server says it, or as we name what we saw ourselves. */
const byCode: Readonly<Record<string, SignInAdvice>> = {
  refresh_token_reused: conflict,
  invalid_grant: {
    cause:
      'The sign-in server does not accept the refresh token any more: another program has renewed it (most often Codex itself with the same auth.json), or the sign-in was ended.',
    fix: apart,
  },
  refresh_token_expired: { cause: 'The sign-in was not renewed for too long, and has run out.', fix: again },
  token_expired: { cause: 'The sign-in has run out.', fix: again },
  refresh_token_invalidated: endedElsewhere,
  token_invalidated: endedElsewhere,
  app_session_terminated: endedElsewhere,
  account_session_expired: endedElsewhere,
  account_auth_invalidated: {
    cause: 'The upstream refuses the account although its token was renewed: the sign-in was ended elsewhere.',
    fix: again,
  },
  reply_lost: {
    cause: `The refresh token was sent, and the sign-in server's answer was lost. ${notAnswered}`,
    fix: again,
  },
  invalid_response: {
    cause: `The refresh token was sent, and the sign-in server's answer could not be understood. ${notAnswered}`,
    fix: again,
  },
  refresh_interrupted: {
    cause: `The refresh token was sent, and this server stopped before the answer was stored. ${notAnswered}`,
    fix: again,
  },
  account_removed: {
    cause: 'The database holds no tokens for this account.',
    fix: 'Sign in again, or import its auth.json.',
  },
  account_deactivated: { cause: 'The upstream has deactivated the account.', fix: ask },
  account_suspended: { cause: 'The upstream has suspended the account.', fix: ask },
  account_deleted: {
    cause: 'The account was deleted at the upstream.',
    fix: 'Delete it here too; its requests stay in the log.',
  },
  deactivated_workspace: {
    cause: "The account's workspace was deactivated.",
    fix: 'Ask its owner. Once it is open again, reactivate the account, or add another workspace.',
  },
}

const unknown: Record<Exclude<Health['signIn'], 'ok'>, SignInAdvice> = {
  reauth_required: { cause: 'The upstream does not accept the sign-in any more.', fix: again },
  deactivated: { cause: 'The upstream has closed the account.', fix: ask },
}

/** What to tell about an account's sign-in; null when nothing is wrong with it. Unknown codes get the general sentence. */
export function signInAdvice({ signIn, signInReason }: Pick<Health, 'signIn' | 'signInReason'>): SignInAdvice | null {
  if (signIn === 'ok' && signInReason === null) return null
  const fallback = unknown[signIn === 'ok' ? 'reauth_required' : signIn]
  const code = signInReason ?? ''
  const advice = Object.hasOwn(byCode, code) ? (byCode[code] ?? fallback) : fallback
  if (signIn !== 'ok') return advice
  return { ...advice, cause: `${advice.cause} The account serves on until its access token ends.` }
}
