import { describe, expect, it } from 'vitest'
import { next } from '../../../src/balancer/health.ts'
import { healthy } from '../../../src/domain/account.ts'
import { nowMs } from '../../support/accounts.ts'

const ending = next(healthy, { kind: 'sign_in_ending', code: 'refresh_token_reused' }, nowMs)
const lost = (code: string) => ({ kind: 'sign_in_lost', as: 'reauth_required', code }) as const

describe('a sign-in that cannot be renewed any more', () => {
  it('is named while the account serves on', () => {
    expect(ending).toEqual({ ...healthy, signInReason: 'refresh_token_reused' })
    expect(next(ending, { kind: 'sign_in_ending', code: 'refresh_token_reused' }, nowMs)).toBe(ending)
  })

  it('keeps its name when all that is left to see is a refresh that never ended', () => {
    expect(next(ending, lost('refresh_interrupted'), nowMs).signInReason).toBe('refresh_token_reused')
    expect(next(ending, { kind: 'sign_in_ending', code: 'refresh_interrupted' }, nowMs)).toEqual(ending)
    expect(next(healthy, lost('refresh_interrupted'), nowMs).signInReason).toBe('refresh_interrupted')
    expect(next(ending, lost('account_removed'), nowMs).signInReason).toBe('account_removed')
  })

  it('stays lost once it is lost', () => {
    const over = next(ending, lost('refresh_token_reused'), nowMs)
    expect(next(over, { kind: 'sign_in_ending', code: 'reply_lost' }, nowMs)).toBe(over)
  })

  it('is forgotten with new tokens', () => {
    expect(next(ending, { kind: 'signed_in' }, nowMs)).toMatchObject({ signIn: 'ok', signInReason: null })
    expect(next(healthy, { kind: 'signed_in' }, nowMs)).toBe(healthy)
  })
})
