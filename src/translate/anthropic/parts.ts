import { invalid } from '../../errors.ts'
import { filled, isObject, type Json } from '../json.ts'
import { refuse, wrongTag } from './refuse.ts'

const imageTypes = ['image/jpeg', 'image/png', 'image/gif', 'image/webp']

/** What a block of a user message or of a tool's result says, as input parts. @throws AppError naming the block */
export function inputParts(block: Json, path: string): Json[] {
  switch (block.type) {
    case 'text':
      return [inputText(textOf(block, path))]
    case 'image':
      return [imagePart(sourceOf(block, path), `${path}.image.source`)]
    case 'document':
      return documentParts(block, path)
    case 'search_result':
      return [inputText(searchResultText(block, path))]
    default:
      throw wrongTag(path, block.type, ['text', 'image', 'document', 'search_result', 'tool_result'])
  }
}

export function inputText(text: string): Json {
  return { type: 'input_text', text }
}

/** @throws AppError */
export function textOf(block: Json, path: string): string {
  if (typeof block.text !== 'string') throw refuse(`${path}.text.text`, 'Field required')
  if (block.text === '') throw invalid(`${path}.text`, 'messages: text content blocks must be non-empty')
  return block.text
}

function sourceOf(block: Json, path: string): Json {
  if (!isObject(block.source)) throw refuse(`${path}.${block.type}.source`, 'Field required')
  return block.source
}

function imagePart(source: Json, path: string): Json {
  if (source.type === 'url') return { type: 'input_image', image_url: urlOf(source, path), detail: 'auto' }
  if (source.type !== 'base64') throw notHere(source, path, ['base64', 'url'])
  if (!imageTypes.includes(source.media_type as string)) {
    const words = "Input should be 'image/jpeg', 'image/png', 'image/gif' or 'image/webp'"
    throw refuse(`${path}.base64.media_type`, words)
  }
  const url = `data:${source.media_type};base64,${dataOf(source, path)}`
  return { type: 'input_image', image_url: url, detail: 'auto' }
}

function documentParts(block: Json, path: string): Json[] {
  const source = sourceOf(block, path)
  const at = `${path}.document.source`
  const heading = [filled(block.title), filled(block.context)].filter((line) => line !== null).join('\n')
  const withHeading = (parts: Json[]) => (heading === '' ? parts : [inputText(heading), ...parts])
  switch (source.type) {
    case 'base64': {
      if (source.media_type !== 'application/pdf') {
        throw refuse(`${at}.base64.media_type`, "Input should be 'application/pdf'")
      }
      const fileData = `data:application/pdf;base64,${dataOf(source, at)}`
      return withHeading([{ type: 'input_file', filename: fileName(block.title), file_data: fileData }])
    }
    case 'url':
      return withHeading([{ type: 'input_file', file_url: urlOf(source, at) }])
    case 'text':
      return [inputText(heading === '' ? dataOf(source, at) : `${heading}\n\n${dataOf(source, at)}`)]
    case 'content':
      return withHeading(contentParts(source.content, `${at}.content`))
    default:
      throw notHere(source, at, ['base64', 'content', 'text', 'url'])
  }
}

function contentParts(content: unknown, path: string): Json[] {
  if (typeof content === 'string') return [inputText(content)]
  if (!Array.isArray(content)) throw refuse(path, 'Field required')
  if (content.length === 0) throw refuse(path, 'List should have at least 1 item after validation, not 0')
  return content.flatMap((block: unknown, index) => {
    const at = `${path}.${index}`
    if (!isObject(block) || (block.type !== 'text' && block.type !== 'image')) {
      throw wrongTag(at, isObject(block) ? block.type : undefined, ['image', 'text'])
    }
    return inputParts(block, at)
  })
}

function searchResultText(block: Json, path: string): string {
  const { content, source, title } = block
  if (typeof source !== 'string') throw refuse(`${path}.search_result.source`, 'Field required')
  if (typeof title !== 'string') throw refuse(`${path}.search_result.title`, 'Field required')
  if (!Array.isArray(content)) throw refuse(`${path}.search_result.content`, 'Field required')
  const texts = content.map((part: unknown, index) => {
    const at = `${path}.search_result.content.${index}`
    if (!isObject(part) || part.type !== 'text') throw wrongTag(at, isObject(part) ? part.type : undefined, ['text'])
    return textOf(part, at)
  })
  return [`Search result: ${title}`, `Source: ${source}`, '', ...texts].join('\n')
}

/** Files that were uploaded to the Messages API are in none of the pool's accounts. */
function notHere(source: Json, path: string, known: readonly string[]): Error {
  if (source.type !== 'file') return wrongTag(path, source.type, known)
  return refuse(path, 'Uploaded files are not offered here; send the content itself as base64')
}

function dataOf(source: Json, path: string): string {
  const data = filled(source.data)
  if (data === null) throw refuse(`${path}.${source.type}.data`, 'Field required')
  return data
}

function urlOf(source: Json, path: string): string {
  const url = filled(source.url)
  if (url === null) throw refuse(`${path}.url.url`, 'Field required')
  if (!/^https?:\/\//i.test(url)) throw refuse(`${path}.url.url`, 'Only http(s) URLs are supported')
  return url
}

function fileName(title: unknown): string {
  const name = filled(title) ?? 'document'
  return name.toLowerCase().endsWith('.pdf') ? name : `${name}.pdf`
}
