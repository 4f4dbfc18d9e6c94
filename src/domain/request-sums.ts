import { clientFamily } from './client-family.ts'
import { hourMs, minuteMs } from './quota.ts'
import type { RequestRecord } from './request.ts'

/** What sums of requests can be told apart by, beside time. */
export const dimensions = ['account', 'key', 'model', 'client', 'effort', 'tier'] as const
export type Dimension = (typeof dimensions)[number]

/** One combination of them; null where a request had none. */
export type RequestKind = Record<Dimension, string | null>

/** A kind has a number, which stands for it in sums. */
export type KnownKind = RequestKind & { id: number }

/** What is summed, in the order in which it is stored. `moved` requests are counted there and not as errors. */
export const figures = [
  'requests',
  'errors',
  'cancelled',
  'moved',
  'inputTokens',
  'cachedTokens',
  'outputTokens',
  'reasoningTokens',
  'costMicroUsd',
  'firstTokenMs',
  'firstTokens',
] as const
export type Figure = (typeof figures)[number]
export type Figures = Record<Figure, number>

/** The finest time that sums know: every time zone's hours begin at one of these. */
export const quarterMs = 15 * minuteMs
export const quartersPerHour = hourMs / quarterMs

/** Names beyond this length are cut: they come from clients, and sums are kept for ever. */
const maxNameLength = 100

type Summed = Pick<RequestRecord, 'status' | 'moved' | 'usage' | 'costMicroUsd' | 'firstTokenMs'>
type Named = 'accountId' | 'keyId' | 'model' | 'client' | 'effort' | 'serviceTier'

/** PostgreSQL has no text with a NUL in it, and clients may send one. */
function storable(text: string): string {
  return text.includes('\0') ? text.replaceAll('\0', '') : text
}

export function nameInSums(text: string): string {
  return storable(text).slice(0, maxNameLength)
}

export function kindOf(request: Pick<RequestRecord, Named>): RequestKind {
  const name = (text: string | null) => text && nameInSums(text)
  return {
    account: request.accountId,
    key: request.keyId,
    model: name(request.model),
    client: clientFamily(request.client && storable(request.client)),
    effort: name(request.effort),
    tier: name(request.serviceTier),
  }
}

/** What one request adds to its kind, in the order of `figures`. */
export function figuresOf({ status, moved, usage, costMicroUsd, firstTokenMs }: Summed): number[] {
  return [
    1,
    status === 'error' && !moved ? 1 : 0,
    status === 'cancelled' ? 1 : 0,
    status === 'error' && moved ? 1 : 0,
    usage?.input ?? 0,
    usage?.cached ?? 0,
    usage?.output ?? 0,
    usage?.reasoning ?? 0,
    Math.round(costMicroUsd ?? 0),
    Math.round(firstTokenMs ?? 0),
    firstTokenMs === null ? 0 : 1,
  ]
}

export function hourOf(atMs: number): number {
  return Math.floor(atMs / hourMs) * hourMs
}

/** Which quarter of its hour. */
export function quarterOf(atMs: number): number {
  return Math.floor(atMs / quarterMs) - Math.floor(atMs / hourMs) * quartersPerHour
}

/** Those sums, by name. Written out: a report makes many thousands. */
export function named(values: ArrayLike<number>, offset = 0): Figures {
  const at = (n: number) => values[offset + n] ?? 0
  return {
    requests: at(0),
    errors: at(1),
    cancelled: at(2),
    moved: at(3),
    inputTokens: at(4),
    cachedTokens: at(5),
    outputTokens: at(6),
    reasoningTokens: at(7),
    costMicroUsd: at(8),
    firstTokenMs: at(9),
    firstTokens: at(10),
  }
}
