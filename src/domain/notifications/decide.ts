import type { About } from './about.ts'

/** How one thing stands that a rule watches: `between` is neither on nor off, and stays what it was. */
export type Observation = { subject: string; phase: 'on' | 'between' | 'off'; about: About }

/** What is remembered of one thing. Kept in the store, so that a restart tells nothing twice. */
type SubjectState = {
  isOn: boolean
  /** Since when it is on, or off. */
  sinceMs: number
  /** The beginning was told, and the end was not yet. */
  isTold: boolean
  /** When a beginning was told last. */
  toldAtMs: number | null
}
export type SubjectStates = Readonly<Record<string, SubjectState>>

/** Something to tell. */
export type News = { event: 'begin' | 'end'; subject: string; sinceMs: number; about: About }

export type DecideInput = {
  /** Null: how things stand is not known now. */
  observations: readonly Observation[] | null
  states: SubjectStates
  gapMs: number
  tellEnd: boolean
  /** False in quiet hours, and while nobody could be told. */
  mayTell: boolean
  nowMs: number
}

/**
 * What is to be told now, and what is to be remembered. It tells wherever what was told last is not how things stand:
 * so a message that has to wait (quiet hours, the gap) is sent later if it still holds, and not at all if it does not.
 */
export function decide(input: DecideInput): { states: SubjectStates; news: News[] } {
  const { observations, states, nowMs } = input
  if (observations === null) return { states, news: [] }
  const next: Record<string, SubjectState> = {}
  const news: News[] = []
  const seen = new Set<string>()
  for (const observation of observations) {
    const { subject } = observation
    if (seen.has(subject)) continue
    seen.add(subject)
    const state = after(states[subject] ?? unknown(nowMs), observation, nowMs)
    const told = tellOf(state, input)
    if (told.event) news.push({ event: told.event, subject, sinceMs: state.sinceMs, about: observation.about })
    if (isWorthKeeping(told.state, input)) next[subject] = told.state
  }
  // What is gone has no end to tell. That it was told of is kept for the gap, should it come back.
  for (const [subject, state] of Object.entries(states)) {
    const gone = { ...state, isOn: false, isTold: false }
    if (!seen.has(subject) && isWorthKeeping(gone, input)) next[subject] = gone
  }
  return { states: next, news }
}

function unknown(nowMs: number): SubjectState {
  return { isOn: false, sinceMs: nowMs, isTold: false, toldAtMs: null }
}

function after(before: SubjectState, { phase }: Observation, nowMs: number): SubjectState {
  const isOn = phase === 'between' ? before.isOn : phase === 'on'
  return isOn === before.isOn ? before : { ...before, isOn, sinceMs: nowMs }
}

function tellOf(state: SubjectState, input: DecideInput): { state: SubjectState; event: News['event'] | null } {
  const { mayTell, tellEnd, nowMs } = input
  if (state.isOn && !state.isTold && mayTell && !isWithinGap(state, input)) {
    return { state: { ...state, isTold: true, toldAtMs: nowMs }, event: 'begin' }
  }
  if (state.isOn || !state.isTold || (tellEnd && !mayTell)) return { state, event: null }
  return { state: { ...state, isTold: false }, event: tellEnd ? 'end' : null }
}

/** A clock that was put back must not silence anything until it has caught up. */
function isWithinGap({ toldAtMs }: SubjectState, { gapMs, nowMs }: DecideInput): boolean {
  return toldAtMs !== null && nowMs >= toldAtMs && nowMs - toldAtMs < gapMs
}

function isWorthKeeping(state: SubjectState, input: DecideInput): boolean {
  return state.isOn || state.isTold || isWithinGap(state, input)
}
