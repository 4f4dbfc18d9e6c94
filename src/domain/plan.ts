/** Where several plans could speak, the first of them does. */
const plansHighestFirst = [
  'enterprise',
  'business',
  'team',
  'pro',
  'prolite',
  'plus',
  'education',
  'edu',
  'free',
  'go',
  'guest',
  'k12',
]

/** Plans in order, the highest first, each once; those that are not known come last, by name. */
export function byRank(plans: Iterable<string>): string[] {
  return [...new Set(plans)].toSorted((a, b) => rankOf(a) - rankOf(b) || (a < b ? -1 : 1))
}

function rankOf(plan: string): number {
  const rank = plansHighestFirst.indexOf(plan)
  return rank === -1 ? plansHighestFirst.length : rank
}
