import ipaddr from 'ipaddr.js'
import { z } from 'zod'
import { parseRange } from './lib/address-ranges.ts'
import { Secret } from './lib/secrets.ts'

/** A bad value as a person may see it: short, on one line, without the parts of a URL that may hold a password. */
function quote(value: unknown): string {
  const shown = String(value).replace(/^.*@/s, '…@').replace(/\?.*/s, '?…')
  return JSON.stringify(shown.length > 80 ? `${shown.slice(0, 80)}…` : shown)
}

/** Text that `parse` turns into something; null means that it cannot, and `fix` says what would do. */
function value<T>(parse: (text: string) => T | null, fix: string) {
  return z.string().transform((text, context): T => {
    const parsed = parse(text)
    if (parsed !== null) return parsed
    context.addIssue(`${quote(text)} is not usable; ${fix}`)
    return z.NEVER
  })
}

export function wholeNumber(min: number, max: number) {
  return value((text) => {
    const number = /^\d{1,9}$/.test(text) ? Number(text) : -1
    return number >= min && number <= max ? number : null
  }, `give a whole number from ${min} to ${max}`)
}

export function oneOf<const Name extends string>(names: readonly Name[]) {
  return value((text) => names.find((name) => name === text.toLowerCase()) ?? null, `give one of ${names.join(', ')}`)
}

/** Items separated by commas; each one is judged. */
export function list<T extends z.ZodType<unknown, string>>(item: T) {
  return z
    .string()
    .transform((text) => text.split(',').flatMap((part) => part.trim() || []))
    .pipe(z.array(item))
}

/** A path as it was written; `~` is left to whoever knows the home directory. */
export const path = value(
  (text) => (/^~[^/\\]/.test(text) ? null : text),
  'give a path; "~" stands for the home directory only as "~" or "~/…"',
)

/** An http or https address, without a trailing slash. */
export const baseUrl = value((text) => {
  if (!/^https?:\/\//i.test(text) || /[?#]/.test(text) || !URL.canParse(text)) return null
  const url = new URL(text)
  return url.username || url.password ? null : url.origin + url.pathname.replace(/\/+$/, '')
}, 'give an http:// or https:// address without user name, query or fragment')

/** `sqlite:PATH` or a PostgreSQL URL. Only its scheme is repeated in a fault: the rest may hold a password. */
export const databaseUrl = z.string().refine(
  // sqlite://name would read as a host.
  (text) => /^sqlite:(?!\/\/[^/])./.test(text) || (/^postgres(ql)?:\/\//.test(text) && URL.canParse(text)),
  {
    error: ({ input }) =>
      `${/^[a-z][a-z0-9+.-]*:/i.exec(String(input))?.[0] ?? 'the value'} is not a usable address; give sqlite:PATH or postgres://…`,
  },
)

/** A secret that travels in a header. Its value is never part of a fault. */
export const token = z
  .string()
  .regex(/^[\x21-\x7e]+$/, 'the token may only hold visible ASCII characters, without spaces')
  .transform((text) => new Secret(text))

/** An address or a CIDR. */
export const ipRange = value(parseRange, 'give addresses or CIDRs such as 10.0.0.0/8, separated by commas')

const hostName = /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/

/** A host name or an address: lower case, no brackets around IPv6, no dot at the end. */
function hostOf(text: string): string | null {
  const bracketed = /^\[(.*)\]$/.exec(text)?.[1]
  const host = (bracketed ?? text).toLowerCase()
  if (bracketed !== undefined || host.includes(':')) return ipaddr.IPv6.isValid(host) ? host : null
  const name = host.replace(/\.$/, '')
  return hostName.test(name) ? name : null
}

export const bindHost = value(hostOf, 'give a host name or an IP address; the port is CODEX_LB_PORT')

/** A name that a `Host` header may carry. A port is accepted and dropped: the port is not what is checked. */
export const allowedHost = value(
  (text) => hostOf(text.replace(/^(\[.*\]|[^:]*):\d{1,5}$/, '$1')),
  'give a host name or an IP address, without scheme, path or wildcard',
)
