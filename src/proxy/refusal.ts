import { AppError } from '../errors.ts'
import type { Head } from '../upstream/opening.ts'
import type { Verdict } from '../upstream/verdict.ts'
import type { Turn } from './turn.ts'

export type Fault = Exclude<Verdict, { kind: 'relay' }>

/** The upstream's own error, to be handed on as it came. */
export class UpstreamRefusal extends Error {
  readonly fault: Fault
  readonly head: Head | null
  constructor(fault: Fault, head: Head | null) {
    super(fault.error.message)
    this.name = 'UpstreamRefusal'
    this.fault = fault
    this.head = head
  }
}

/** Codex shows a 400 as it is and stops; from a broken answer it recovers by sending everything again. */
export function lostContinuation(turn: Turn): AppError {
  if (turn.route.startsWith('/v1/'))
    return new AppError('previous_response_not_found', { param: 'previous_response_id' })
  return new AppError('stream_incomplete', {
    message: 'The previous response is gone; send the whole conversation again.',
  })
}
