import { AppError } from '../../errors.ts'
import type { Json } from '../json.ts'
import type { EndReason, Piece } from './answer.ts'
import { createAnswerFlow } from './flow.ts'
import type { Usage } from './usage.ts'

/** A whole answer, gathered from a finished response. */
export type Answer = {
  text: string
  refusal: string
  citations: Extract<Piece, { kind: 'citation' }>[]
  calls: { call: Extract<Piece, { kind: 'call' }>; input: string }[]
  reason: EndReason
  usage: Usage | null
  model: string | null
  serviceTier: string | null
}

/** Read as a stream of one event, so that a stream and an object cannot differ. @throws AppError when the response failed */
export function gatherAnswer(response: Json, stop: readonly string[]): Answer {
  const flow = createAnswerFlow(stop)
  const said = { text: '', refusal: '' }
  const citations: Answer['citations'] = []
  const calls: Answer['calls'] = []
  let reason: EndReason = 'stop'
  let usage: Usage | null = null
  for (const step of flow.event({ type: 'response.completed', response })) {
    switch (step.kind) {
      case 'text':
      case 'refusal':
        said[step.kind] += step.text
        break
      case 'citation':
        citations.push(step)
        break
      case 'call':
        calls.push({ call: step, input: '' })
        break
      case 'call_input': {
        const begun = calls[step.index]
        if (begun) begun.input += step.text
        break
      }
      case 'finish':
        reason = step.reason
        break
      case 'usage':
        usage = step.usage
        break
      case 'error':
        throw new AppError('upstream_error', { message: step.error.error.message })
    }
  }
  return { ...said, citations, calls, reason, usage, model: flow.model(), serviceTier: flow.serviceTier() }
}
