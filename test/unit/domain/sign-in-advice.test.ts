import { describe, expect, it } from 'vitest'
import { signInAdvice } from '../../../src/domain/sign-in-advice.ts'

const lost = (signInReason: string | null) => signInAdvice({ signIn: 'reauth_required', signInReason })
const closed = (signInReason: string | null) => signInAdvice({ signIn: 'deactivated', signInReason })

describe('what a person is told about a sign-in', () => {
  it('is nothing while it is good', () => {
    expect(signInAdvice({ signIn: 'ok', signInReason: null })).toBeNull()
  })

  it('names the conflict with another program, and how to end it for good', () => {
    expect(lost('refresh_token_reused')).toEqual({
      cause:
        "Another program uses this account's sign-in and has renewed it (most often Codex itself with the same auth.json).",
      fix: 'Sign in again here, and leave this login to the server: no other program may use it.',
    })
    expect(lost('invalid_grant')?.fix).toBe(lost('refresh_token_reused')?.fix)
  })

  it.each([
    ...['refresh_token_reused', 'refresh_token_expired', 'refresh_token_invalidated', 'invalid_grant'],
    ...['token_invalidated', 'token_expired', 'app_session_terminated', 'account_session_expired'],
    ...['account_auth_invalidated', 'reply_lost', 'invalid_response', 'refresh_interrupted', 'account_removed'],
  ])('says what ended it and what helps, for %s', (code) => {
    expect(lost(code)?.cause).not.toBe(lost(null)?.cause)
    expect(lost(code)?.fix).toMatch(/^Sign in again/)
  })

  it.each(['account_deactivated', 'account_suspended', 'account_deleted', 'deactivated_workspace'])(
    'says what became of a closed account, for %s',
    (code) => {
      expect(closed(code)?.cause).not.toBe(closed(null)?.cause)
    },
  )

  it.each([null, 'something_new', 'constructor', '__proto__'])('is general when the code is %s', (code) => {
    expect(lost(code)).toEqual({
      cause: 'The upstream does not accept the sign-in any more.',
      fix: expect.stringMatching(/^Sign in again/),
    })
    expect(closed(code)?.cause).toBe('The upstream has closed the account.')
  })

  it('says so when the account serves on for a while', () => {
    const soon = signInAdvice({ signIn: 'ok', signInReason: 'refresh_token_reused' })
    expect(soon?.cause).toMatch(/^Another program .* The account serves on until its access token ends\.$/)
    expect(soon?.fix).toBe(lost('refresh_token_reused')?.fix)
  })
})
