import { type ChatError, chatError, chatErrorOf } from '../chat/errors.ts'
import { count, filled, isObject, type Json, objectsOf } from '../json.ts'
import { imageIn, imageUsageOf, lookOf, whyNone } from './answer.ts'
import type { ImageAsk } from './request.ts'

/** Turns the events of a response into those of the image API. After its end everything gives ''. */
export type ImageStream = {
  event(data: Json): string
  /** The upstream has ended; the client is told when that was too early. */
  end(): string
  fail(code: string, message: string, param?: string | null): string
}

const noUsage = imageUsageOf({ tool_usage: { image_gen: {} } })

export function createImageStream(ask: ImageAsk, nowSeconds: number): ImageStream {
  const name = ask.action === 'edit' ? 'image_edit' : 'image_generation'
  const items: Json[] = []
  let createdAt = nowSeconds
  let isOver = false

  const write = (type: string, fields: Json) => `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`
  const last = (text: string): string => {
    isOver = true
    return text
  }
  const failed = ({ error }: ChatError) => last(write('error', { error }))
  const partial = (data: Json): string => {
    const b64_json = filled(data.partial_image_b64)
    if (b64_json === null) return ''
    const partial_image_index = count(data.partial_image_index) ?? 0
    return write(`${name}.partial_image`, {
      b64_json,
      partial_image_index,
      created_at: createdAt,
      ...lookOf(data, ask),
    })
  }
  const finished = (response: Json): string => {
    // The last event sometimes comes without its output.
    const output = objectsOf(response.output)
    const made = output.length > 0 ? output : items
    const image = imageIn(made)
    if (image === null) return failed(chatError('image_generation_failed', whyNone(response, made)))
    const usage = imageUsageOf(response) ?? noUsage
    return last(
      write(`${name}.completed`, { b64_json: image.result, created_at: createdAt, ...lookOf(image, ask), usage }),
    )
  }
  const event = (data: Json): string => {
    const response = isObject(data.response) ? data.response : {}
    switch (data.type) {
      case 'response.created':
        createdAt = count(response.created_at) ?? createdAt
        return ''
      case 'response.image_generation_call.partial_image':
        return partial(data)
      case 'response.output_item.done':
        if (isObject(data.item)) items.push(data.item)
        return ''
      case 'response.completed':
      case 'response.incomplete':
        return response.status === 'failed' ? failed(chatErrorOf(data)) : finished(response)
      case 'response.failed':
      case 'error':
        return failed(chatErrorOf(data))
      default:
        return ''
    }
  }
  const fail: ImageStream['fail'] = (code, message, param) => (isOver ? '' : failed(chatError(code, message, param)))
  return {
    event: (data) => (isOver ? '' : event(data)),
    end: () => fail('stream_incomplete', 'The upstream ended the answer early.'),
    fail,
  }
}
