import type { AccountView } from '../../src/contract/accounts.ts'
import { duration } from '../format.ts'

type Tone = 'ok' | 'warn' | 'bad' | 'calm'
type Standing = { word: string; tone: Tone; icon: string; why: string | null }

/** An account with less than this left in a window is low. */
const lowPercent = 10

/** The word for an account, and the sentence under it: what the router would do with it now. */
export function standingOf(account: AccountView, nowMs: number): Standing {
  const { status, statusReason, blocked, inFlight, windows } = account
  const wait = blocked === null ? '' : duration(Date.parse(blocked.until) - nowMs)
  switch (status) {
    case 'paused':
      return { word: 'Paused', tone: 'calm', icon: 'Ⅱ', why: 'Takes no requests until it is resumed' }
    case 'reauth_required':
      return { word: 'Sign in again', tone: 'bad', icon: '✕', why: `Import a fresh auth.json${reason(statusReason)}` }
    case 'deactivated':
      return { word: 'Closed', tone: 'bad', icon: '✕', why: `The upstream closed this account${reason(statusReason)}` }
    case 'quota_exceeded':
    case 'rate_limited':
      return blocked?.by === 'burst'
        ? { word: 'Cooling', tone: 'calm', icon: '◷', why: `Too many requests; back in ${wait}` }
        : { word: 'Used up', tone: 'warn', icon: '○', why: `Back in ${wait}` }
    case 'active':
      if (blocked !== null) return { word: 'Cooling', tone: 'calm', icon: '◷', why: `Kept failing; back in ${wait}` }
      return {
        ...(windows.some(({ remainingPercent }) => remainingPercent < lowPercent)
          ? { word: 'Low', tone: 'warn', icon: '!' }
          : { word: 'Ready', tone: 'ok', icon: '✓' }),
        why: inFlight === 0 ? null : `${inFlight} running`,
      }
  }
}

function reason(code: string | null): string {
  return code === null ? '' : ` (${code})`
}

export function StatusWord({ word, tone, icon, why }: Standing) {
  return (
    <p className="status">
      <span className={`badge ${tone}`}>
        <span aria-hidden="true">{icon}</span> {word}
      </span>
      {why !== null && <span className="small">{why}</span>}
    </p>
  )
}
