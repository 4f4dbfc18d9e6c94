/** The middle and the ends of the 80 % in between. */
export type Range = { p10: number; p50: number; p90: number }

/** The range of some values; sorts them in place. */
export function rangeOf(values: Float64Array): Range {
  values.sort()
  const at = (share: number) => values[Math.round(share * (values.length - 1))] ?? Number.NaN
  return { p10: at(0.1), p50: at(0.5), p90: at(0.9) }
}
