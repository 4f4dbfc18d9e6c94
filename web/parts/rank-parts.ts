import { age, compact, figure, share } from '../format.ts'
import { t } from '../messages/index.ts'

/** What is not placed in a person's order ranks from here on; see the strategy. */
const unplaced = 1e6
/** Stands for a reset that is not known. */
const unknownDays = 1_000
const hourSeconds = 3_600

/** What a part of a rank says, by its name. Parts of other releases are shown as they are. */
const wordings: Record<string, (value: number, atMs: number) => string> = {
  price: (value) => t('part.price', { value: figure(value) }),
  tokens: (value) => t('part.tokens', { value: compact(value) }),
  worth: (value) => t('part.worth', { value: figure(value) }),
  leftCredits: (value) => t('part.leftCredits', { value: compact(value) }),
  shortFade: (value) => t('part.shortFade', { value: share(value * 100) }),
  shortPercent: (value) => t('part.shortPercent', { value: share(value) }),
  longPercent: (value) => t('part.longPercent', { value: share(value) }),
  tightestPercent: (value) => t('part.tightestPercent', { value: share(value) }),
  creditsPerSecond: (value) => t('part.creditsPerSecond', { value: figure(value * hourSeconds) }),
  least: (value) => t('part.least', { value: figure(value * hourSeconds) }),
  days: (value) => (value >= unknownDays ? t('part.daysUnknown') : t('part.days', { count: value })),
  lastChosenAtMs: (value, atMs) =>
    value === 0 ? t('part.neverChosen') : t('part.lastChosen', { age: age(new Date(value).toISOString(), atMs) }),
  place: (value) => (value >= unplaced ? t('part.noPlace') : t('part.place', { value: value + 1 })),
}

/** What a rank was made of, in words. */
export function partsText(parts: Record<string, number> = {}, atMs: number): string[] {
  return Object.entries(parts).map(([name, value]) => wordings[name]?.(value, atMs) ?? `${name} ${figure(value)}`)
}
