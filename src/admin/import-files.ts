import type { Multipart } from '@fastify/multipart'
import type { FastifyRequest } from 'fastify'
import type { ImportFile, ImportOutcome } from '../accounts/import.ts'
import { AppError } from '../errors.ts'

/** Largest upload, all files together. */
export const maxImportBytes = 64 * 1024 * 1024
const maxFiles = 2_000
const maxFileBytes = 1024 * 1024
const fileFields = new Set(['auth_json', 'auth_json[]', 'files', 'files[]'])

/** For the multipart reader. A file beyond its limit is cut, and rejected alone. */
export const uploadRules = {
  throwFileSizeLimit: false,
  limits: { fileSize: maxFileBytes, fieldSize: maxFileBytes, files: maxFiles, fields: maxFiles, parts: maxFiles },
}

export type Upload = { files: ImportFile[]; tooLarge: ImportOutcome[] }

/** Reads every part of an upload as one credential file, whole and bounded. @throws AppError */
export async function readUpload(request: FastifyRequest): Promise<Upload> {
  if (!request.isMultipart()) {
    const message = 'Send multipart/form-data with one or more files in the field auth_json (or files).'
    throw new AppError('unsupported_media_type', { message, param: 'Content-Type' })
  }
  if (Number(request.headers['content-length'] ?? 0) > maxImportBytes) throw tooMuch()
  try {
    return await collect(request.parts())
  } catch (error) {
    throw error instanceof AppError ? error : brokenUpload(error)
  }
}

async function collect(parts: AsyncIterableIterator<Multipart>): Promise<Upload> {
  const upload: Upload = { files: [], tooLarge: [] }
  let total = 0
  for await (const part of parts) {
    checkField(part)
    const name = ((part.type === 'file' && part.filename) || part.fieldname).slice(0, 200)
    const bytes = part.type === 'file' ? await fileBytes(part) : fieldBytes(part)
    total += bytes?.length ?? maxFileBytes
    if (total > maxImportBytes) throw tooMuch()
    if (bytes) upload.files.push({ name, bytes })
    else {
      const message = 'the file is larger than 1 MiB'
      upload.tooLarge.push({ name, kind: 'rejected', code: 'invalid_auth_json', path: '', message })
    }
  }
  if (upload.files.length + upload.tooLarge.length > 0) return upload
  throw new AppError('invalid_request', {
    message: 'No file came with the request; use the field auth_json.',
    param: 'auth_json',
  })
}

/** A part under another name is a mistake worth naming. */
function checkField(part: Multipart): void {
  if (fileFields.has(part.fieldname)) return
  if (part.type === 'file') part.file.resume()
  const param = part.fieldname.slice(0, 100)
  throw new AppError('invalid_request', {
    message: `The field "${param}" is not known; use auth_json or files.`,
    param,
  })
}

/** Null for a file beyond the limit: the others are imported all the same. */
async function fileBytes(part: Extract<Multipart, { type: 'file' }>): Promise<Buffer | null> {
  const chunks: Buffer[] = []
  for await (const chunk of part.file) chunks.push(chunk)
  return part.file.truncated ? null : Buffer.concat(chunks)
}

/** Text that was pasted; one that said it is JSON was parsed already. */
function fieldBytes({ value, valueTruncated }: Extract<Multipart, { type: 'field' }>): Buffer | null {
  if (valueTruncated) return null
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))
}

function tooMuch(): AppError {
  return new AppError('payload_too_large', {
    message: 'The files are larger than 64 MiB together; send fewer at once.',
  })
}

const limitCodes = new Set(['FST_FILES_LIMIT', 'FST_FIELDS_LIMIT', 'FST_PARTS_LIMIT'])

/** The multipart reader's complaints are all about what the client sent. */
function brokenUpload(cause: unknown): AppError {
  const { code, message } = cause instanceof Error ? (cause as NodeJS.ErrnoException) : {}
  if (code !== undefined && limitCodes.has(code)) {
    const told = `There are more than ${maxFiles} files in the request; send fewer at once.`
    return new AppError('payload_too_large', { message: told }, { cause })
  }
  return new AppError('invalid_request', { message: `The multipart body cannot be read: ${message}.` }, { cause })
}
