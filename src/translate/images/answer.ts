import { AppError } from '../../errors.ts'
import { chatErrorOf } from '../chat/errors.ts'
import { count, filled, given, isObject, type Json, objectsOf } from '../json.ts'
import type { ImageAsk } from './request.ts'

/** An image as the upstream's tool has made it. */
type Made = Json & { result: string }

/** The finished image of a response or of one of its items, or null. */
export function imageIn(items: readonly Json[]): Made | null {
  const made = items.findLast(
    (item): item is Made => item.type === 'image_generation_call' && filled(item.result) !== null,
  )
  return made ?? null
}

/** A finished response as the answer of the image API. @throws AppError when no image was made */
export function imagesOf(response: Json, ask: ImageAsk, nowSeconds: number): Json {
  const items = objectsOf(response.output)
  const image = imageIn(items)
  if (image === null) throw new AppError('image_generation_failed', { message: whyNone(response, items) })
  const revised_prompt = filled(image.revised_prompt)
  return {
    created: count(response.created_at) ?? nowSeconds,
    data: [{ b64_json: image.result, ...given({ revised_prompt }) }],
    ...known(lookOf(image, ask)),
    ...given({ usage: imageUsageOf(response) }),
  }
}

/** What an image looks like: as the upstream says, else as it was asked for. */
export function lookOf(image: Json, { asked }: ImageAsk): Json {
  return {
    background: filled(image.background) ?? asked.background,
    output_format: filled(image.output_format) ?? asked.output_format,
    quality: filled(image.quality) ?? asked.quality,
    size: filled(image.size) ?? asked.size,
  }
}

/** What is known to be so: `auto` is an answer only to what somebody asks for. */
function known(look: Json): Json {
  return Object.fromEntries(Object.entries(look).filter(([, value]) => value !== 'auto'))
}

/** The tokens of the image tool, which count apart from those of the text model around it. */
export function imageUsageOf({ tool_usage: tools }: Json): Json | null {
  const usage = isObject(tools) && isObject(tools.image_gen) ? tools.image_gen : null
  if (usage === null) return null
  const input = count(usage.input_tokens) ?? 0
  const output = count(usage.output_tokens) ?? 0
  return {
    input_tokens: input,
    input_tokens_details: detailsOf(usage.input_tokens_details, input),
    output_tokens: output,
    output_tokens_details: detailsOf(usage.output_tokens_details, output, true),
    total_tokens: count(usage.total_tokens) ?? input + output,
  }
}

/** Where only the sum is known: a prompt is text, and what is made is an image. */
function detailsOf(details: unknown, sum: number, isImage = false): Json {
  const { image_tokens: images, text_tokens: texts } = isObject(details) ? details : {}
  return { image_tokens: count(images) ?? (isImage ? sum : 0), text_tokens: count(texts) ?? (isImage ? 0 : sum) }
}

/** The tool's own words, else the model's, which often says why it would not. */
export function whyNone(response: Json, items: readonly Json[]): string {
  if (isObject(response.error)) return chatErrorOf({ error: response.error }).error.message
  const refused = items.findLast((item) => item.type === 'image_generation_call' && isObject(item.error))
  if (refused) return chatErrorOf({ error: refused.error as Json }).error.message
  const parts = items.filter(({ type }) => type === 'message').flatMap(({ content }) => objectsOf(content))
  const words = parts.flatMap((part) => filled(part.text) ?? filled(part.refusal) ?? []).join(' ')
  return words === '' ? 'The model made no image of this.' : `The model made no image of this: ${words.slice(0, 500)}`
}
