import { invalid } from '../../errors.ts'
import { filled, given, isObject, type Json, wordField } from '../json.ts'

/** What a user message may hold, as input parts of a response. @throws AppError naming the part */
export function userParts(content: unknown, path: string): Json[] {
  if (typeof content === 'string') return [inputText(content)]
  return partsOf(content, path).map((part, index) => {
    const at = `${path}[${index}]`
    if (part.type === 'text') return inputText(textOfPart(part, at))
    if (part.type === 'image_url') return imagePart(part, at)
    if (part.type === 'file') return filePart(part, at)
    if (part.type === 'input_audio') {
      throw invalid(`${at}.type`, 'Audio input is not supported; send its transcript as text.')
    }
    throw invalid(`${at}.type`, 'A user message may hold parts of the types: text, image_url, file.')
  })
}

/** What an assistant message said: text and refusals. Reasoning that other services echo is left out. @throws AppError */
export function assistantParts(content: unknown, path: string): Json[] {
  if (content == null || content === '') return []
  if (typeof content === 'string') return [outputText(content)]
  return partsOf(content, path).flatMap((part, index) => {
    if (part.type === 'text') return [outputText(textOfPart(part, `${path}[${index}]`))]
    if (part.type === 'refusal' && typeof part.refusal === 'string') return [refusalPart(part.refusal)]
    if (typeof part.type === 'string' && /^(reasoning|thinking)/.test(part.type)) return []
    throw invalid(`${path}[${index}].type`, 'An assistant message may hold parts of the types: text, refusal.')
  })
}

/** The texts of a content that may hold nothing else. `whose` names it for the reader of a refusal. @throws AppError */
export function plainTexts(content: unknown, path: string, whose: string): string[] {
  if (typeof content === 'string') return [content]
  return partsOf(content, path).map((part, index) => {
    if (part.type === 'text') return textOfPart(part, `${path}[${index}]`)
    throw invalid(`${path}[${index}].type`, `${whose} may hold text only; put anything else into a user message.`)
  })
}

export function inputText(text: string): Json {
  return { type: 'input_text', text }
}

export function refusalPart(refusal: string): Json {
  return { type: 'refusal', refusal }
}

function outputText(text: string): Json {
  return { type: 'output_text', text }
}

function imagePart(part: Json, path: string): Json {
  const image = part.image_url
  const url = isObject(image) ? filled(image.url) : null
  if (!isObject(image) || url === null) {
    throw invalid(`${path}.image_url`, '"image_url" must be an object with a "url".')
  }
  if (!/^(https?|data):/i.test(url)) {
    throw invalid(`${path}.image_url.url`, 'The image must be an http(s) address or a data URL.')
  }
  const detail = wordField(image, 'detail', ['auto', 'low', 'high', 'original'], `${path}.image_url.detail`)
  return given({ type: 'input_image', image_url: url, detail })
}

function filePart(part: Json, path: string): Json {
  const { file } = part
  if (!isObject(file)) throw invalid(`${path}.file`, '"file" must be an object.')
  const data = filled(file.file_data) ?? filled(file.data)
  const sources = { file_data: data, file_id: filled(file.file_id), file_url: filled(file.file_url) }
  if (Object.values(sources).filter((source) => source !== null).length !== 1) {
    throw invalid(`${path}.file`, 'A file needs exactly one of: file_data, file_id, file_url.')
  }
  const mediaType = filled(file.mime_type) ?? filled(file.content_type) ?? 'application/octet-stream'
  // The upstream takes data URLs; some clients send the bare base64.
  const fileData = data === null || data.startsWith('data:') ? data : `data:${mediaType};base64,${data}`
  return given({ type: 'input_file', ...sources, file_data: fileData, filename: filled(file.filename) })
}

function partsOf(content: unknown, path: string): Json[] {
  if (!Array.isArray(content)) throw invalid(path, 'The content must be text or a list of parts.')
  if (content.length === 0) throw invalid(path, 'The content is empty: give text or at least one part.')
  return content.map((part, index) => {
    if (isObject(part)) return part
    throw invalid(`${path}[${index}]`, 'Every part must be an object with a "type".')
  })
}

function textOfPart(part: Json, path: string): string {
  if (typeof part.text === 'string') return part.text
  throw invalid(`${path}.text`, 'A text part needs its "text".')
}
