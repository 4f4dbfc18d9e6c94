import { filled, given, isObject, type Json } from '../json.ts'
import { refused } from './refuse.ts'

/** The conversation of a response request as chat messages. @throws AppError naming the item */
export function outwardMessages(body: Json): Json[] {
  const messages: Json[] = []
  const instructions = filled(body.instructions)
  if (instructions !== null) messages.push({ role: 'system', content: instructions })
  const input = typeof body.input === 'string' ? [{ role: 'user', content: body.input }] : body.input
  if (!Array.isArray(input)) throw refused('input', 'an input that is no list')
  /** Pictures that tools gave: tool messages hold text only, so they follow as a user's. */
  let pictures: Json[] = []
  const showPictures = () => {
    if (pictures.length > 0) messages.push({ role: 'user', content: pictures })
    pictures = []
  }
  for (const [index, item] of input.entries()) {
    const path = `input[${index}]`
    if (!isObject(item)) throw refused(path, 'an item that is no object')
    const type = item.type ?? 'message'
    if (type === 'reasoning' || type === 'web_search_call') continue
    if (type === 'function_call_output' || type === 'custom_tool_call_output') {
      const { text, images } = outputOf(item.output, `${path}.output`)
      messages.push({ role: 'tool', tool_call_id: item.call_id, content: text })
      pictures.push(...images)
      continue
    }
    showPictures()
    if (type === 'message') messages.push(messageOf(item, path))
    else if (type === 'function_call') addCall(messages, item, String(item.arguments ?? ''))
    else if (type === 'custom_tool_call') addCall(messages, item, JSON.stringify({ input: item.input ?? '' }))
    else throw refused(`${path}.type`, `items of the type "${String(type)}"`)
  }
  showPictures()
  return messages
}

function messageOf(item: Json, path: string): Json {
  const { role, content } = item
  if (role === 'assistant') return { role, content: textOf(content, `${path}.content`) }
  if (role === 'system' || role === 'developer') return { role: 'system', content: textOf(content, `${path}.content`) }
  if (role !== 'user') throw refused(`${path}.role`, `messages of the role "${String(role)}"`)
  if (typeof content === 'string') return { role, content }
  const parts = partsOf(content, `${path}.content`).map((part, index) => userPart(part, `${path}.content[${index}]`))
  const isText = parts.every(({ type }) => type === 'text')
  return { role, content: isText ? parts.map(({ text }) => text).join('\n') : parts }
}

/** Calls of one turn stand in one message. */
function addCall(messages: Json[], { call_id, name }: Json, text: string): void {
  const call = { id: call_id, type: 'function', function: { name, arguments: text } }
  const last = messages.at(-1)
  if (last?.role !== 'assistant') messages.push({ role: 'assistant', content: null, tool_calls: [call] })
  else if (Array.isArray(last.tool_calls)) last.tool_calls.push(call)
  else last.tool_calls = [call]
}

/** What a tool gave. */
function outputOf(output: unknown, path: string): { text: string; images: Json[] } {
  if (typeof output === 'string') return { text: output, images: [] }
  if (!Array.isArray(output)) return { text: JSON.stringify(output ?? ''), images: [] }
  const texts: string[] = []
  const images: Json[] = []
  for (const [index, part] of partsOf(output, path).entries()) {
    const made = userPart(part, `${path}[${index}]`)
    if (made.type === 'text') texts.push(String(made.text))
    else images.push(made)
  }
  if (images.length > 0) texts.push('(The picture follows.)')
  return { text: texts.join('\n'), images }
}

function textOf(content: unknown, path: string): string {
  if (typeof content === 'string') return content
  const texts = partsOf(content, path).map((part, index) => {
    const said = filled(part.text) ?? filled(part.refusal) ?? ''
    if (['input_text', 'output_text', 'text', 'refusal'].includes(String(part.type))) return said
    throw refused(`${path}[${index}].type`, `parts of the type "${String(part.type)}" here`)
  })
  return texts.join('\n')
}

function userPart(part: Json, path: string): Json {
  switch (part.type) {
    case 'input_text':
    case 'output_text':
    case 'text':
      return { type: 'text', text: String(part.text ?? '') }
    case 'input_image': {
      const url = filled(part.image_url)
      if (url === null) throw refused(path, 'images that are named by a file id')
      // Chat knows no "original"; the most that it has is "high".
      const detail = part.detail === 'original' ? 'high' : filled(part.detail)
      return { type: 'image_url', image_url: { url, ...given({ detail }) } }
    }
    case 'input_file': {
      const data = filled(part.file_data)
      if (data === null) throw refused(path, 'files that are named by an id or an address')
      return { type: 'file', file: { file_data: data, ...given({ filename: filled(part.filename) }) } }
    }
    default:
      throw refused(`${path}.type`, `parts of the type "${String(part.type)}"`)
  }
}

function partsOf(content: unknown, path: string): Json[] {
  if (!Array.isArray(content)) throw refused(path, 'a content that is neither text nor a list of parts')
  return content.map((part, index) => {
    if (isObject(part)) return part
    throw refused(`${path}[${index}]`, 'a part that is no object')
  })
}
