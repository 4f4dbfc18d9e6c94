import type { RequestRecord } from '../../domain/request.ts'
import { settleHeld } from '../key-limits.ts'
import { type Result, recordOf } from '../recorder.ts'
import type { Pass, PassDeps } from './call.ts'

type Ending = Pick<Result, 'status' | 'httpStatus' | 'errorCode' | 'errorMessage'>

/** Write down a request beside the turns: no tokens are known of it, and nothing of what it said is kept. */
export function recordPass(
  pass: Pass,
  ending: Ending,
  deps: Pick<PassDeps, 'recorder' | 'affinity' | 'clock' | 'log' | 'live' | 'ledger'>,
  transport: RequestRecord['transport'] = 'json',
): void {
  const { recorder, affinity, clock, log, live, ledger } = deps
  const affinityKey = affinity.digestOf(pass.affinityKeys)
  const accountId = pass.attempts.at(-1)?.accountId ?? null
  const result = { ...ending, accountId, transport, firstTokenMs: null, response: null }
  const idOf = (kind: string) => pass.affinityKeys.find((key) => key.kind === kind)?.id ?? null
  const record: RequestRecord = {
    ...recordOf(
      pass.held?.id ?? recorder.newId(),
      { ...pass, affinityKey, ask: null },
      result,
      clock.now(),
      recorder.prices(),
    ),
    model: pass.model,
    threadId: idOf('thread'),
    sessionId: idOf('session'),
  }
  recorder.push(record)
  settleHeld(pass.held, record, ledger)
  live.emit({ kind: 'request_ended', record })
  const { requestId, route, status, errorCode, totalMs } = record
  log.info({ requestId, route, accountId, status, errorCode, attempts: pass.attempts.length, totalMs }, 'call ended')
}
