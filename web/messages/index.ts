import { en } from './en.ts'

export type Key = keyof typeof en
type Values = Readonly<Record<string, string | number>>

const plurals = new Intl.PluralRules('en')

/** A text with its named values filled in; where it has a plural, `count` picks the form. */
export function t(key: Key, values: Values = {}): string {
  const message: string | { one: string; other: string } = en[key]
  const text =
    typeof message === 'string' ? message : message[plurals.select(Number(values.count)) === 'one' ? 'one' : 'other']
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole))
}
