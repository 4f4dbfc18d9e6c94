import type { KeyLimit, LimitPeriod } from './limits.ts'

/** A limit as a person would say it: `1,000,000 tokens per day`, `$5.00 within 30 days`, `10 requests for gpt-5.5 per minute`. */
export function limitInWords({ kind, max, model, period, isCalendar }: KeyLimit): string {
  const per = isCalendar ? `per ${calendarWords[period]}` : `within ${rollingWords[period]}`
  return [
    kind === 'cost_micro_usd' ? dollars(max) : counted(kind, max),
    ...(model === null ? [] : [`for ${model}`]),
    per,
  ].join(' ')
}

const calendarWords: Record<LimitPeriod, string> = {
  minute: 'minute',
  five_hours: '5 hours',
  day: 'day',
  week: 'week',
  month: 'month',
}
const rollingWords: Record<LimitPeriod, string> = {
  minute: 'a minute',
  five_hours: '5 hours',
  day: '24 hours',
  week: '7 days',
  month: '30 days',
}
const things: Record<Exclude<KeyLimit['kind'], 'cost_micro_usd'>, string> = {
  requests: 'request',
  input_tokens: 'input token',
  output_tokens: 'output token',
  total_tokens: 'token',
}

function counted(kind: keyof typeof things, max: number): string {
  return `${max.toLocaleString('en-US')} ${things[kind]}${max === 1 ? '' : 's'}`
}

/** To the cent, and further where there is more to say. */
function dollars(microUsd: number): string {
  const digits = { minimumFractionDigits: 2, maximumFractionDigits: 6 }
  return `$${(microUsd / 1_000_000).toLocaleString('en-US', digits)}`
}
