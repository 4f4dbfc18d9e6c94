import type { FastifyInstance } from 'fastify'
import { AppError } from '../../errors.ts'
import { readForm } from './multipart.ts'
import { addRawRoutes } from './raw-routes.ts'

const variations = '/v1/images/variations'

export function addImageRefusals(app: FastifyInstance): void {
  const message =
    'Variations are not offered: send the image to /v1/images/edits, with a prompt that says what to vary.'
  addRawRoutes(app, { bodyBytes: 1024, heldBytes: 1024, deadlineMs: 1_000 }, [
    {
      method: 'POST',
      url: variations,
      handle: async () => {
        throw new AppError('not_found', { message })
      },
    },
  ])
}

/** Fields of a form are texts; these mean something else. */
const numbers = new Set(['n', 'output_compression', 'partial_images'])
const booleans = new Set(['stream'])
const imageFields = new Set(['image', 'image[]'])

/**
 * A form as the JSON that asks for the same, with each image as a data URL; what is no form stays as it is.
 * @throws AppError
 */
export async function imageFormAsJson(bytes: Buffer, contentType: string | undefined): Promise<Buffer> {
  if (!contentType?.toLowerCase().startsWith('multipart/')) return bytes
  const fields: [string, unknown][] = []
  const images: object[] = []
  for (const [name, value] of await readForm(bytes, contentType)) {
    if (typeof value === 'string') fields.push([name, meant(name, value)])
    else if (imageFields.has(name)) images.push({ image_url: await dataUrlOf(value, 'image') })
    else fields.push([name, { image_url: await dataUrlOf(value, name) }])
  }
  return Buffer.from(JSON.stringify({ ...Object.fromEntries(fields), images }))
}

/** What is no such value stays text, and is refused by name later on. */
function meant(name: string, value: string): unknown {
  if (numbers.has(name) && /^-?\d+$/.test(value)) return Number(value)
  if (booleans.has(name) && (value === 'true' || value === 'false')) return value === 'true'
  return value === '' ? null : value
}

/** The bytes say what an image is; what clients say of it is often a guess. @throws AppError */
async function dataUrlOf(file: File, param: string): Promise<string> {
  const bytes = Buffer.from(await file.arrayBuffer())
  const type = typeOfImage(bytes)
  if (type !== null) return `data:${type};base64,${bytes.toString('base64')}`
  throw new AppError('invalid_request', { message: `"${param}" must be a PNG, JPEG or WebP image.`, param })
}

function typeOfImage(bytes: Buffer): string | null {
  const start = bytes.toString('latin1', 0, 12)
  if (start.startsWith('\x89PNG\r\n\x1a\n')) return 'image/png'
  if (start.startsWith('\xff\xd8\xff')) return 'image/jpeg'
  if (start.startsWith('RIFF') && start.endsWith('WEBP')) return 'image/webp'
  return null
}
