import { invalid } from '../../errors.ts'
import { type Json, text } from '../json.ts'

/** How sizes of an image model are made. */
type Sizes = 'any' | 'standard'

const models: Record<string, { sizes: Sizes; hasFidelity: boolean }> = {
  'gpt-image-2': { sizes: 'any', hasFidelity: false },
  'gpt-image-1.5': { sizes: 'standard', hasFidelity: true },
  'gpt-image-1': { sizes: 'standard', hasFidelity: true },
  'gpt-image-1-mini': { sizes: 'standard', hasFidelity: false },
}
const usualModel = 'gpt-image-2'

/** @throws AppError */
export function imageModelOf(body: Json): string {
  const model = text(body.model ?? usualModel)
  if (model !== null && Object.hasOwn(models, model)) return model
  throw invalid('model', `"model" must be one of: ${Object.keys(models).join(', ')}.`)
}

const standardSizes = ['1024x1024', '1536x1024', '1024x1536']
const step = 16
const maxEdge = 3_840
const maxRatio = 3
const minPixels = 655_360
const maxPixels = 8_294_400

/** @throws AppError */
export function imageSizeOf(body: Json, model: string): string | null {
  const size = body.size ?? null
  if (size === null || size === 'auto') return size
  if (models[model]?.sizes === 'standard') {
    if (typeof size === 'string' && standardSizes.includes(size)) return size
    throw invalid('size', `With "${model}", "size" must be auto, ${standardSizes.join(', ')}.`)
  }
  const [, width = 0, height = 0] = (/^(\d{1,5})x(\d{1,5})$/.exec(text(size) ?? '') ?? []).map(Number)
  const fault = faultOf(width, height)
  if (fault !== null) throw invalid('size', `"size" must be auto or WIDTHxHEIGHT: ${fault}.`)
  return text(size)
}

function faultOf(width: number, height: number): string | null {
  if (width === 0 || height === 0) return 'for example 1536x864'
  if (width % step !== 0 || height % step !== 0) return `both must be multiples of ${step}`
  if (Math.max(width, height) > maxEdge) return `no edge may be longer than ${maxEdge}`
  if (Math.max(width, height) > maxRatio * Math.min(width, height))
    return `no edge may be more than ${maxRatio} times the other`
  const pixels = width * height
  return pixels < minPixels || pixels > maxPixels ? `it must have ${minPixels} to ${maxPixels} pixels` : null
}

/** How closely a given image is followed; a setting of few models. @throws AppError */
export function hasFidelity(model: string): boolean {
  return models[model]?.hasFidelity ?? false
}

export function modelsWithFidelity(): string[] {
  return Object.keys(models).filter(hasFidelity)
}
