import { AppError } from '../../errors.ts'

/** So many parts, files and fields, a form may have. */
const maxParts = 64

/** A form that was read whole: the size of its body is bounded by whoever reads it. @throws AppError */
export async function readForm(bytes: Buffer, contentType: string | undefined): Promise<FormData> {
  const boundary = /^multipart\/form-data\b.*;\s*boundary=(?:"([^"]+)"|([^;\s]+))/i.exec(contentType ?? '')
  if (boundary === null) {
    throw new AppError('unsupported_media_type', { message: 'Send multipart/form-data.', param: 'Content-Type' })
  }
  checkParts(bytes, Buffer.from(`--${boundary[1] ?? boundary[2]}`))
  try {
    const response = new Response(new Uint8Array(bytes), { headers: { 'content-type': contentType ?? '' } })
    return await response.formData()
  } catch (error) {
    throw new AppError('invalid_request', { message: 'The multipart body cannot be read.' }, { cause: error })
  }
}

/** Before anything is taken apart: parts are cheap to send. */
function checkParts(bytes: Buffer, delimiter: Buffer): void {
  let parts = 0
  for (let at = bytes.indexOf(delimiter); at !== -1; at = bytes.indexOf(delimiter, at + delimiter.length)) {
    if (++parts > maxParts + 1) {
      throw new AppError('payload_too_large', { message: `The form has more than ${maxParts} parts.` })
    }
  }
}

/** The text of a field, null where it is left out or empty. @throws AppError when it is a file, or given twice */
export function fieldOf(form: FormData, name: string): string | null {
  const [value = '', ...others] = form.getAll(name)
  if (typeof value !== 'string' || others.length > 0) {
    throw new AppError('invalid_request', { message: `"${name}" must be one field of text.`, param: name })
  }
  return value === '' ? null : value
}

/** @throws AppError when it is no file, or not there once */
export function fileOf(form: FormData, name: string): File {
  const [value, ...others] = form.getAll(name)
  if (value instanceof File && value.size > 0 && others.length === 0) return value
  throw new AppError('invalid_request', { message: `"${name}" must be one file that is not empty.`, param: name })
}

/** A form on its way to the upstream. */
export async function writtenForm(form: FormData): Promise<{ body: Buffer; contentType: string }> {
  const written = new Response(form)
  const contentType = written.headers.get('content-type') ?? ''
  return { body: Buffer.from(await written.arrayBuffer()), contentType }
}
