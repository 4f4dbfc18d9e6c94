import type { EndReason } from '../chat/answer.ts'
import { createAnswerFlow, type Step } from '../chat/flow.ts'
import { gatherAnswer } from '../chat/gather.ts'
import { type CompletionStream, dataText, doneText, streamOf } from '../chat/stream.ts'
import type { Json } from '../json.ts'

/** What a text completion needs beside the response: its name and time, and what the client asked for. */
export type CompletionAnswer = { id: string; createdSeconds: number; model: string; stop: readonly string[] }

/** A finished response as a text completion. One that failed has none: ask `chatErrorOf` first. @throws AppError */
export function textCompletionOf(response: Json, options: CompletionAnswer): Json {
  const { text, refusal, reason, usage, model } = gatherAnswer(response, options.stop)
  return {
    ...head(options, model),
    choices: [choice(text + refusal, finishReason(reason))],
    ...(usage === null ? {} : { usage }),
  }
}

/** Turns the events of a response into the text of a text completion stream. */
export function createTextCompletionStream(options: CompletionAnswer & { includeUsage: boolean }): CompletionStream {
  const flow = createAnswerFlow(options.stop)
  let model: string | null = null
  const chunk = (choices: Json[], usage: unknown = null): string => {
    // Every chunk of a stream names the same model.
    model ??= flow.model() ?? options.model
    return dataText({ ...head(options, model), choices, ...(options.includeUsage ? { usage } : {}) })
  }
  const write = (step: Step): string => {
    switch (step.kind) {
      case 'text':
      // There is no other place for a refusal.
      case 'refusal':
        return chunk([choice(step.text, null)])
      case 'finish':
        return chunk([choice('', finishReason(step.reason))])
      case 'usage':
        return options.includeUsage ? chunk([], step.usage) : ''
      case 'error':
        return dataText(step.error)
      case 'done':
        return doneText
      default:
        return ''
    }
  }
  return streamOf(flow, write)
}

function head({ id, createdSeconds, model }: CompletionAnswer, served: string | null): Json {
  return { id, object: 'text_completion', created: createdSeconds, model: served ?? model }
}

function choice(text: string, reason: string | null): Json {
  return { text, index: 0, logprobs: null, finish_reason: reason }
}

/** No tools are offered here, so no call is expected. */
function finishReason(reason: EndReason): string {
  return reason === 'tool_calls' ? 'stop' : reason
}
