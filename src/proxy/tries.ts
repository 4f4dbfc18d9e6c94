import type { Attempt } from '../domain/request.ts'
import type { Via } from '../upstream/transport-error.ts'
import { scopeOf, type Verdict } from '../upstream/verdict.ts'

type Try = {
  accountId: string
  verdict: Verdict
  status: number | null
  via: Via | null
  startedAtMs: number
  atMs: number
}

/** A try as the log keeps it, after the proxies that had failed it. */
export function triesOf({ accountId, verdict, status, via, startedAtMs, atMs }: Try): Attempt[] {
  const failed = (via?.failed ?? []).map(
    (way): Attempt => ({ accountId, verdict: 'try_another', scope: 'egress', status: null, ...way }),
  )
  const error = verdict.kind === 'relay' ? null : verdict.error
  const own: Attempt = {
    ...{ accountId, verdict: verdict.kind, scope: scopeOf(verdict), code: error?.code ?? null, status },
    ...{ egressId: via?.egressId ?? null, atMs, tookMs: atMs - (failed.at(-1)?.atMs ?? startedAtMs) },
  }
  return [...failed, own]
}
