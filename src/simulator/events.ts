import { cachedTokens, type SimulatedAccount } from './accounts.ts'
import { imageItem, imageUsageOf } from './image-item.ts'
import { isObject, type JsonObject } from './json.ts'
import { newResponseHex, seal } from './marks.ts'
import { event, type Step } from './stream.ts'
import type { Reply } from './turns.ts'

type Usage = {
  input_tokens: number
  input_tokens_details: { cached_tokens: number }
  output_tokens: number
  output_tokens_details: { reasoning_tokens: number }
  total_tokens: number
}

/** A whole answer as steps, with what a fault needs to end it in another way. */
export type Turn = {
  id: string
  /** The finished items. */
  output: JsonObject[]
  steps: Step[]
  /** Tokens that count against the windows: everything but what the prompt cache saved. */
  chargedTokens: number
  /** A last event of another kind in place of `response.completed`. */
  ending(status: 'failed' | 'incomplete', fields: { error?: object; incomplete_details?: object }): Step
}

type Item = { item: JsonObject; begin: JsonObject; between: Step[] }

/** Spells the reply out in the upstream's events. Asks the prompt cache of the account what it saves. */
export function turnOf(
  reply: Reply,
  body: JsonObject,
  bodyBytes: number,
  account: SimulatedAccount,
  nowMs: number,
): Turn {
  const hex = newResponseHex(account)
  const items = [...reasoningOf(body, hex, account), itemOf(reply, hex, account, body)].map((make, at) => make(at))
  const reasoningTokens = items.length > 1 ? 16 : 0
  const usage = usageOf(body, bodyBytes, outputTokensOf(reply) + reasoningTokens, reasoningTokens, account)
  const output = items.map(({ item }) => item)
  const snapshot = snapshotsOf(body, hex, nowMs)
  const steps: Step[] = [
    snapshot('response.created', { status: 'in_progress' }),
    snapshot('response.in_progress', { status: 'in_progress' }),
  ]
  for (const [at, { item, begin, between }] of items.entries()) {
    steps.push(event('response.output_item.added', { output_index: at, item: begin }), ...between)
    steps.push(event('response.output_item.done', { output_index: at, item }))
  }
  const tools = reply.kind === 'image' ? { tool_usage: { image_gen: imageUsageOf(reply) } } : {}
  steps.push(snapshot('response.completed', { status: 'completed', output, usage, ...tools }))
  return {
    id: `resp_${hex}`,
    output,
    steps,
    chargedTokens: usage.total_tokens - usage.input_tokens_details.cached_tokens,
    ending: (status, fields) => snapshot(`response.${status}`, { status, ...fields }),
  }
}

/** The answer to a request that generates nothing: the prompt is in the cache afterwards, and no window is charged. */
export function prewarmOf(body: JsonObject, bodyBytes: number, account: SimulatedAccount, nowMs: number): Turn {
  const hex = newResponseHex(account)
  const snapshot = snapshotsOf(body, hex, nowMs)
  const usage = usageOf(body, bodyBytes, 0, 0, account)
  return {
    id: `resp_${hex}`,
    output: [],
    steps: [
      snapshot('response.created', { status: 'in_progress' }),
      snapshot('response.completed', { status: 'completed', usage }),
    ],
    chargedTokens: 0,
    ending: (status, fields) => snapshot(`response.${status}`, { status, ...fields }),
  }
}

function usageOf(
  body: JsonObject,
  bodyBytes: number,
  outputTokens: number,
  reasoningTokens: number,
  account: SimulatedAccount,
): Usage {
  const inputTokens = Math.ceil(bodyBytes / 4)
  const cacheKey = typeof body.prompt_cache_key === 'string' ? `${body.model} ${body.prompt_cache_key}` : null
  return {
    input_tokens: inputTokens,
    input_tokens_details: { cached_tokens: cachedTokens(account, cacheKey, inputTokens) },
    output_tokens: outputTokens,
    output_tokens_details: { reasoning_tokens: reasoningTokens },
    total_tokens: inputTokens + outputTokens,
  }
}

/** Makes the events that hold the whole `response` object as it is at that moment. */
function snapshotsOf(body: JsonObject, hex: string, nowMs: number): (type: string, last: object) => Step {
  const echo = echoOf(body, hex, nowMs)
  return (type, last) => ({
    kind: 'event',
    type,
    // The echo can be tens of kilobytes and goes out three times: written down once, joined as text.
    fields: `"response":${echo},${JSON.stringify({ ...unfinished, ...last }).slice(1)}`,
  })
}

const unfinished = { status: 'in_progress', error: null, incomplete_details: null, output: [], usage: null }

/** The part of `response` that is the same in all three snapshots, as JSON without its closing brace. */
function echoOf(body: JsonObject, hex: string, nowMs: number): string {
  const echo = {
    id: `resp_${hex}`,
    object: 'response',
    created_at: Math.floor(nowMs / 1000),
    background: false,
    instructions: body.instructions ?? null,
    max_output_tokens: null,
    max_tool_calls: null,
    model: body.model,
    parallel_tool_calls: body.parallel_tool_calls ?? true,
    previous_response_id: body.previous_response_id ?? null,
    prompt_cache_key: body.prompt_cache_key ?? null,
    reasoning: body.reasoning ?? { effort: null, summary: null },
    safety_identifier: null,
    service_tier: body.service_tier ?? 'default',
    store: false,
    temperature: 1,
    text: body.text ?? { format: { type: 'text' }, verbosity: 'medium' },
    tool_choice: body.tool_choice ?? 'auto',
    tools: body.tools ?? [],
    top_logprobs: 0,
    top_p: 1,
    truncation: 'disabled',
    user: null,
    metadata: {},
  }
  return JSON.stringify(echo).slice(0, -1)
}

function outputTokensOf(reply: Reply): number {
  if (reply.kind === 'text') return Math.max(1, reply.deltas.length)
  if (reply.kind === 'compaction' || reply.kind === 'image') return 64
  return Math.ceil((reply.kind === 'function_call' ? reply.arguments : reply.input).length / 4) + 4
}

type MakeItem = (outputIndex: number) => Item

/** A reasoning item, if the request asks to get its content encrypted. */
function reasoningOf(body: JsonObject, hex: string, account: SimulatedAccount): MakeItem[] {
  if (!Array.isArray(body.include) || !body.include.includes('reasoning.encrypted_content')) return []
  return [
    (at) => {
      const id = `rs_${hex}`
      const common = { id, type: 'reasoning', encrypted_content: seal(account, 'reasoning') }
      const wantsSummary = isObject(body.reasoning) && typeof body.reasoning.summary === 'string'
      if (!wantsSummary) return { item: { ...common, summary: [] }, begin: { ...common, summary: [] }, between: [] }
      const text = '**Thinking about the answer**'
      const part = { item_id: id, output_index: at, summary_index: 0 }
      const summary = [{ type: 'summary_text', text }]
      const between = [
        event('response.reasoning_summary_part.added', { ...part, part: { type: 'summary_text', text: '' } }),
        event('response.reasoning_summary_text.delta', { ...part, delta: text }),
        event('response.reasoning_summary_text.done', { ...part, text }),
        event('response.reasoning_summary_part.done', { ...part, part: summary[0] }),
      ]
      return { item: { ...common, summary }, begin: { ...common, summary: [] }, between }
    },
  ]
}

function itemOf(reply: Reply, hex: string, account: SimulatedAccount, body: JsonObject): MakeItem {
  switch (reply.kind) {
    case 'text':
      return (at) => messageItem(reply.deltas, `msg_${hex}`, at)
    case 'function_call':
      return (at) => callItem(reply.name, 'arguments', reply.arguments, hex, at)
    case 'custom_tool_call':
      return (at) => callItem(reply.name, 'input', reply.input, hex, at)
    case 'image':
      return (at) => imageItem(reply, hex, at)
    case 'compaction':
      return () => {
        const turns = Array.isArray(body.input) ? body.input.length : 0
        const item = {
          id: `cmp_${hex}`,
          type: 'compaction',
          encrypted_content: seal(account, `compacted ${turns} items`),
        }
        return { item, begin: item, between: [] }
      }
  }
}

function messageItem(deltas: string[], id: string, at: number): Item {
  const common = { id, type: 'message', role: 'assistant', phase: 'final_answer' }
  const text = deltas.join('')
  const part = { type: 'output_text', annotations: [], logprobs: [], text }
  const place = { item_id: id, output_index: at, content_index: 0 }
  const where = JSON.stringify({ ...place, logprobs: [] }).slice(1, -1)
  const between: Step[] = [event('response.content_part.added', { ...place, part: { ...part, text: '' } })]
  for (const delta of deltas) {
    between.push({
      kind: 'event',
      type: 'response.output_text.delta',
      fields: `${where},"delta":${JSON.stringify(delta)}`,
    })
  }
  between.push(event('response.output_text.done', { ...place, text, logprobs: [] }))
  between.push(event('response.content_part.done', { ...place, part }))
  return {
    item: { ...common, status: 'completed', content: [part] },
    begin: { ...common, status: 'in_progress', content: [] },
    between,
  }
}

const callShapes = {
  arguments: { type: 'function_call', prefix: 'fc', events: 'response.function_call_arguments' },
  input: { type: 'custom_tool_call', prefix: 'ctc', events: 'response.custom_tool_call_input' },
}

function callItem(name: string, field: 'arguments' | 'input', value: string, hex: string, at: number): Item {
  const shape = callShapes[field]
  const id = `${shape.prefix}_${hex}`
  const common = { id, type: shape.type, name, call_id: `call_${hex.slice(-24)}` }
  const place = { item_id: id, output_index: at }
  return {
    item: { ...common, status: 'completed', [field]: value },
    begin: { ...common, status: 'in_progress', [field]: '' },
    between: [
      event(`${shape.events}.delta`, { ...place, delta: value }),
      event(`${shape.events}.done`, { ...place, [field]: value }),
    ],
  }
}
