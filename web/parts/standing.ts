import type { AccountView, WindowView } from '../../src/contract/accounts.ts'
import { duration, percent, when } from '../format.ts'
import { t } from '../messages/index.ts'
import type { IconName } from '../ui/icon.tsx'
import type { Tone } from '../ui/status.tsx'
import { closedWayText } from './decision.ts'

type Word = 'ready' | 'low' | 'cut_off' | 'cooling' | 'used_up' | 'paused' | 'sign_in_again' | 'closed' | 'unknown'

/** What the router would do with an account now: a word, a sentence, until when, and what a person can do about it. */
export type Standing = {
  word: Word
  label: string
  tone: Tone
  icon: IconName
  why: string
  until: string | null
  fix: string | null
}

const looks: Record<Word, { tone: Tone; icon: IconName }> = {
  ready: { tone: 'ok', icon: 'tick' },
  low: { tone: 'warn', icon: 'warn' },
  cut_off: { tone: 'bad', icon: 'cross' },
  cooling: { tone: 'calm', icon: 'clock' },
  used_up: { tone: 'warn', icon: 'ring' },
  paused: { tone: 'calm', icon: 'bars' },
  sign_in_again: { tone: 'bad', icon: 'cross' },
  closed: { tone: 'bad', icon: 'cross' },
  unknown: { tone: 'calm', icon: 'dashed' },
}

/** An account with less than this left in a window is low. */
const lowPercent = 10

export function standingOf(account: AccountView, nowMs: number): Standing {
  const { word, why } = verdict(account, nowMs)
  const until = account.blocked?.until ?? null
  return { word, label: t(`status.${word}`), ...looks[word], why, until, fix: account.advice?.fix ?? null }
}

function verdict(account: AccountView, nowMs: number): { word: Word; why: string } {
  const { status, statusReason, blocked, inFlight, windows, advice } = account
  const reason = statusReason ?? t('why.noReason')
  if (status === 'reauth_required') return { word: 'sign_in_again', why: advice?.cause ?? t('why.signIn', { reason }) }
  if (status === 'deactivated') return { word: 'closed', why: advice?.cause ?? t('why.closed', { reason }) }
  if (status === 'paused') return { word: 'paused', why: t('why.paused') }
  if (account.wayDown !== null) return { word: 'cut_off', why: wayDownText(account.wayDown, nowMs) }
  if (blocked !== null) {
    const wait = duration(Date.parse(blocked.until) - nowMs)
    if (blocked.by === 'burst') return { word: 'cooling', why: t('why.burst', { wait }) }
    if (blocked.by === 'errors') return { word: 'cooling', why: t('why.errors', { wait, code: blocked.code }) }
    const time = when(blocked.until, nowMs)
    const window = windows.find(({ kind }) => kind === blocked.window)
    if (blocked.by === 'plan') return { word: 'used_up', why: t('why.plan', { time }) }
    if (window === undefined) return { word: 'used_up', why: t('why.someWindow', { time }) }
    return { word: 'used_up', why: t('why.window', { window: windowName(window), time }) }
  }
  if (windows.length === 0) return { word: 'unknown', why: t('why.unknown') }
  const tightest = windows.toSorted((a, b) => a.remainingPercent - b.remainingPercent)[0]
  if (tightest !== undefined && tightest.remainingPercent < lowPercent) {
    return {
      word: 'low',
      why: t('why.low', { left: percent(tightest.remainingPercent), window: windowName(tightest) }),
    }
  }
  return { word: 'ready', why: inFlight === 0 ? t('why.ready') : t('why.running', { count: inFlight }) }
}

/** May it serve now? */
export function canServe({ status, blocked, wayDown }: AccountView): boolean {
  return status === 'active' && blocked === null && wayDown === null
}

/** "4 of 5 accounts can serve now." */
export function serveSentence(accounts: readonly AccountView[]): string {
  const fit = accounts.filter(canServe).length
  if (fit === accounts.length) return t('pool.all', { count: fit })
  return t('pool.some', { fit: fit === 0 ? t('pool.none') : fit, count: accounts.length })
}

/** Only a person can bring it back. */
export function needsPerson({ status }: AccountView): boolean {
  return status === 'reauth_required' || status === 'deactivated'
}

/** "5-hour", "Weekly": windows are called by their length. */
export function windowName({ kind, windowMinutes }: Pick<WindowView, 'kind' | 'windowMinutes'>): string {
  if (kind !== 'short') return t(`window.${kind}`)
  const hours = windowMinutes / 60
  return Number.isInteger(hours) ? t('window.hours', { hours }) : t('window.minutes', { minutes: windowMinutes })
}

export function planName(plan: string): string {
  return plan.charAt(0).toUpperCase() + plan.slice(1)
}

/** What a person asked of an account, where it is not the usual. */
export function wishesOf({ policy, priority }: Pick<AccountView, 'policy' | 'priority'>): string[] {
  return [
    ...(policy === 'normal' ? [] : [t(`policy.${policy}`)]),
    ...(priority === 0 ? [] : [t('account.priorityShort', { value: priority })]),
  ]
}

function wayDownText({ since, ...down }: NonNullable<AccountView['wayDown']>, nowMs: number): string {
  return closedWayText({ ...down, sinceMs: since === null ? null : Date.parse(since) }, nowMs)
}
