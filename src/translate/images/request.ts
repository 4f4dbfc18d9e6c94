import { invalid } from '../../errors.ts'
import { checkParameters } from '../chat/parameters.ts'
import { booleanField, filled, given, isObject, type Json, wordField } from '../json.ts'
import { hasFidelity, imageModelOf, imageSizeOf, modelsWithFidelity } from './models.ts'
import { editParameters, generationParameters } from './parameters.ts'

export type ImageAction = 'generate' | 'edit'

/** A request for an image, as a Responses request, and what its answer must respect. */
export type ImageAsk = {
  action: ImageAction
  request: Json
  stream: boolean
  /** What was asked for, where the upstream does not say what it did. */
  asked: { size: string; quality: string; background: string; output_format: string }
}

const maxPromptLength = 32_000
const maxImages = 16
const maxPartialImages = 3

/**
 * The upstream makes images by a tool of a text model: `hostModel` has nothing to do but to use it.
 * @throws AppError naming the field and how to mend it
 */
export function imageToResponses(body: Json, action: ImageAction, hostModel: string): ImageAsk {
  checkParameters(body, action === 'edit' ? editParameters : generationParameters)
  const model = imageModelOf(body)
  const stream = booleanField(body, 'stream') ?? false
  const partialImages = wholeField(body, 'partial_images', maxPartialImages)
  const settings = given({
    size: imageSizeOf(body, model),
    quality: wordField(body, 'quality', ['low', 'medium', 'high', 'auto']),
    background: wordField(body, 'background', ['transparent', 'opaque', 'auto']),
    output_format: wordField(body, 'output_format', ['png', 'jpeg', 'webp']),
    output_compression: wholeField(body, 'output_compression', 100),
    moderation: wordField(body, 'moderation', ['auto', 'low']),
    input_fidelity: fidelityOf(body, model),
    partial_images: stream && partialImages ? partialImages : null,
    action: action === 'edit' ? 'edit' : null,
  })
  checkTogether(settings)
  const { instructions, content } = wordsOf(body, action)
  return {
    action,
    stream,
    asked: {
      size: filled(settings.size) ?? 'auto',
      quality: filled(settings.quality) ?? 'auto',
      background: filled(settings.background) ?? 'auto',
      output_format: filled(settings.output_format) ?? 'png',
    },
    request: {
      model: hostModel,
      instructions,
      input: [{ type: 'message', role: 'user', content }],
      tools: [{ type: 'image_generation', model, ...settings }],
      tool_choice: { type: 'image_generation' },
      stream: true,
      store: false,
    },
  }
}

function wholeField(body: Json, name: string, max: number): number | null {
  const value = body[name] ?? null
  if (value === null) return null
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= max) return value
  throw invalid(name, `"${name}" must be a whole number from 0 to ${max}.`)
}

function fidelityOf(body: Json, model: string): string | null {
  const fidelity = wordField(body, 'input_fidelity', ['low', 'high'])
  if (fidelity === null || hasFidelity(model)) return fidelity
  throw invalid(
    'input_fidelity',
    `"input_fidelity" is known by ${modelsWithFidelity().join(' and ')} only; leave it out.`,
  )
}

function checkTogether({ background, output_format: format = 'png', output_compression: compression }: Json): void {
  if (background === 'transparent' && format === 'jpeg') {
    throw invalid('output_format', 'A transparent background needs the format png or webp.')
  }
  if (compression !== undefined && compression !== 100 && format === 'png') {
    throw invalid(
      'output_compression',
      'PNG images are not compressed: choose the format jpeg or webp, or leave it out.',
    )
  }
}

const toTheLetter =
  'Use the image generation tool exactly once, with the words of the user as they are, and say nothing yourself.'
const aboutMask =
  'The last image is a mask for the first one: change only what lies under its fully transparent areas, and keep the rest.'

function wordsOf(body: Json, action: ImageAction): { instructions: string; content: Json[] } {
  const prompt = filled(body.prompt)
  if (prompt === null) throw invalid('prompt', '"prompt" must say what to draw.')
  if (prompt.length > maxPromptLength) throw invalid('prompt', `"prompt" is longer than ${maxPromptLength} characters.`)
  const words = { type: 'input_text', text: prompt }
  if (action === 'generate') return { instructions: toTheLetter, content: [words] }
  const { images, mask = null } = body
  if (!Array.isArray(images) || images.length === 0) throw invalid('images', 'Give at least one image to edit.')
  if (images.length > maxImages) throw invalid('images', `Give at most ${maxImages} images.`)
  const parts = images.map((image, index) => partOf(image, `images[${index}]`))
  if (mask === null) return { instructions: toTheLetter, content: [words, ...parts] }
  return { instructions: `${toTheLetter} ${aboutMask}`, content: [words, ...parts, partOf(mask, 'mask')] }
}

function partOf(image: unknown, param: string): Json {
  const { image_url: url, file_id: fileId } = isObject(image) ? image : {}
  if (filled(fileId) !== null && url == null) return { type: 'input_image', file_id: fileId }
  if (typeof url === 'string' && /^(data:image\/|https?:\/\/)/i.test(url))
    return { type: 'input_image', image_url: url }
  throw invalid(param, 'An image must be an object with "image_url" (a data: or https: URL) or "file_id".')
}
