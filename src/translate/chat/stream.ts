import type { Json } from '../json.ts'
import { annotationOf, type ChatAnswer, callBody, finishReason } from './completion.ts'
import { chatError } from './errors.ts'
import { createAnswerFlow, type Step } from './flow.ts'

/** Turns the events of a response into the text of a completion stream. After its end everything gives ''. */
export type CompletionStream = {
  event(data: Json): string
  /** The upstream has ended; the client is told when that was too early. */
  end(): string
  /** The answer broke off, before or after its first output. */
  fail(code: string, message: string, param?: string | null): string
}

export function createChatStream(options: ChatAnswer & { includeUsage: boolean }): CompletionStream {
  const flow = createAnswerFlow(options.stop)
  /** Of each call, by its index. */
  const tools: ('function' | 'custom')[] = []
  let annotations: Json[] = []
  let model: string | null = null
  let hasRole = false

  const chunk = (choices: Json[], usage: unknown = null): string => {
    // Every chunk of a stream names the same model.
    model ??= flow.model() ?? options.model
    const tier = flow.serviceTier()
    return dataText({
      id: options.id,
      object: 'chat.completion.chunk',
      created: options.createdSeconds,
      model,
      ...(tier === null ? {} : { service_tier: tier }),
      choices,
      ...(options.includeUsage ? { usage } : {}),
    })
  }
  const delta = (fields: Json, reason: string | null = null) =>
    chunk([{ index: 0, delta: fields, logprobs: null, finish_reason: reason }])
  /** The first delta names the role and what the message holds so far. */
  const role = (content: '' | null): string => {
    if (hasRole) return ''
    hasRole = true
    return delta({ role: 'assistant', content, refusal: null })
  }
  const call = (tool: 'function' | 'custom', index: number, id: string | null, name: string | null, input: string) => {
    const body = callBody(tool, name, input)
    // The older form has room for one call.
    if (options.calls === 'function') return index === 0 ? role(null) + delta({ function_call: body.function }) : ''
    return role(null) + delta({ tool_calls: [{ index, ...(id === null ? {} : { id, type: tool }), ...body }] })
  }
  const write = (step: Step): string => {
    switch (step.kind) {
      case 'text':
        return role('') + delta({ content: step.text })
      case 'refusal':
        return role(null) + delta({ refusal: step.text })
      case 'call':
        tools[step.index] = step.tool
        return call(step.tool, step.index, step.id, step.name, '')
      case 'call_input':
        return call(tools[step.index] ?? 'function', step.index, null, null, step.text)
      case 'citation':
        annotations.push(annotationOf(step))
        return ''
      case 'finish': {
        const cited = annotations.length === 0 ? '' : delta({ annotations })
        annotations = []
        return role('') + cited + delta({}, finishReason(step.reason, options.calls))
      }
      case 'usage':
        return options.includeUsage ? chunk([], step.usage) : ''
      case 'error':
        return dataText(step.error)
      case 'done':
        return doneText
    }
  }
  return streamOf(flow, write)
}

/** The outside of a stream whose steps `write` spells out. */
export function streamOf(flow: ReturnType<typeof createAnswerFlow>, write: (step: Step) => string): CompletionStream {
  const textOf = (steps: Step[]) => steps.map(write).join('')
  const fail: CompletionStream['fail'] = (code, message, param) => textOf(flow.fail(chatError(code, message, param)))
  return {
    event: (data) => textOf(flow.event(data)),
    end: () => fail('stream_incomplete', 'The upstream ended the answer early.'),
    fail,
  }
}

export function dataText(data: unknown): string {
  return `data: ${JSON.stringify(data)}\n\n`
}

export const doneText = 'data: [DONE]\n\n'
