import type { JsonObject } from './json.ts'
import { event, type Step } from './stream.ts'
import type { Reply } from './turns.ts'

export type ImageReply = Extract<Reply, { kind: 'image' }>

/** A picture of one pixel, whatever was asked for. */
const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='

/** The call of the image tool, with partial images as they were asked for. */
export function imageItem({ tool, prompt, images }: ImageReply, hex: string, at: number) {
  const id = `ig_${hex}`
  const look = {
    background: tool.background === undefined || tool.background === 'auto' ? 'opaque' : tool.background,
    output_format: tool.output_format ?? 'png',
    quality: tool.quality === undefined || tool.quality === 'auto' ? 'medium' : tool.quality,
    size: tool.size === undefined || tool.size === 'auto' ? '1024x1024' : tool.size,
  }
  const begin: JsonObject = { id, type: 'image_generation_call', status: 'in_progress', result: null }
  const item: JsonObject = {
    ...{ ...begin, status: 'completed', result: pixel, ...look },
    action: images > 0 ? 'edit' : 'generate',
    revised_prompt: `A picture: ${prompt}`,
  }
  const place = { item_id: id, output_index: at }
  const partials = Array.from({ length: Number(tool.partial_images ?? 0) }, (_, partial_image_index) => {
    const shown = { ...place, partial_image_b64: pixel, partial_image_index, ...look }
    return event('response.image_generation_call.partial_image', shown)
  })
  const between: Step[] = [
    event('response.image_generation_call.in_progress', place),
    event('response.image_generation_call.generating', place),
    ...partials,
    event('response.image_generation_call.completed', place),
  ]
  return { item, begin, between }
}

/** What the tool has used, beside the tokens of the model that called it. */
export function imageUsageOf({ prompt, images }: ImageReply): object {
  const input = { image_tokens: images * 300, text_tokens: Math.ceil(prompt.length / 4) }
  const inputTokens = input.image_tokens + input.text_tokens
  return {
    input_tokens: inputTokens,
    input_tokens_details: input,
    output_tokens: 1_056,
    output_tokens_details: { image_tokens: 1_056, text_tokens: 0 },
    total_tokens: inputTokens + 1_056,
  }
}
