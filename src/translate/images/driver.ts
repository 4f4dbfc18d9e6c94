import type { Json } from '../json.ts'
import { imagesOf } from './answer.ts'
import { type ImageAction, imageToResponses } from './request.ts'
import { createImageStream, type ImageStream } from './stream.ts'

/** One image request, as whoever runs the turn for it sees it. */
export type ImageDriver = {
  /** To be sent as a turn. Never over a WebSocket: images are larger than its messages may be. */
  request: Json
  /** Whether the client wants a stream. */
  stream: boolean
  createStream(): ImageStream
  /** @throws AppError when the response has no image */
  objectOf(response: Json): Json
}

/**
 * `hostModel`: the text model whose tool makes the image. `nowMs` names the time of images where the upstream does not.
 * @throws AppError naming the field
 */
export function speakImages(body: Json, action: ImageAction, nowMs: number, hostModel: string): ImageDriver {
  const ask = imageToResponses(body, action, hostModel)
  const nowSeconds = Math.floor(nowMs / 1000)
  return {
    request: ask.request,
    stream: ask.stream,
    createStream: () => createImageStream(ask, nowSeconds),
    objectOf: (response) => imagesOf(response, ask, nowSeconds),
  }
}
