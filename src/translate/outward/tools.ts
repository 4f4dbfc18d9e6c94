import { filled, given, isObject, type Json, objectsOf } from '../json.ts'
import { refused } from './refuse.ts'

/** `customTools`: names of tools that take free text; a chat model is given them as functions with one text. */
export type OutwardTools = { fields: Json; customTools: ReadonlySet<string> }

/** Tools that run at the upstream itself. A chat model has not got them, and may answer without. */
const hosted = new Set([
  ...['web_search', 'web_search_preview', 'image_generation', 'code_interpreter', 'file_search', 'tool_search'],
])

/** @throws AppError naming the tool */
export function outwardTools(body: Json): OutwardTools {
  const customTools = new Set<string>()
  const tools = objectsOf(body.tools).flatMap((tool, index): Json[] => {
    const { type } = tool
    if (type === 'function') return [functionTool(tool)]
    if (type === 'custom') {
      customTools.add(String(tool.name))
      return [customTool(tool)]
    }
    if (typeof type === 'string' && hosted.has(type)) return []
    throw refused(`tools[${index}].type`, `tools of the type "${String(type)}"`)
  })
  const { allowed, choice } = choiceOf(body.tool_choice)
  const offered = allowed === null ? tools : tools.filter(({ function: one }) => allowed.has(nameOf(one)))
  if (offered.length === 0) return { fields: {}, customTools }
  const fields = { tools: offered, ...given({ tool_choice: choice, parallel_tool_calls: body.parallel_tool_calls }) }
  return { fields, customTools }
}

function functionTool({ name, description, parameters, strict }: Json): Json {
  const fields = given({ description: filled(description), strict: strict === true ? true : null })
  return { type: 'function', function: { name, ...fields, parameters: parameters ?? emptySchema } }
}

const emptySchema = { type: 'object', properties: {} }

function customTool({ name, description, format }: Json): Json {
  const grammar = isObject(format) && format.type === 'grammar' ? filled(format.definition) : null
  const words = [
    filled(description),
    grammar && `The input must follow this ${isObject(format) ? String(format.syntax) : ''} grammar:\n${grammar}`,
  ]
  const parameters = {
    type: 'object',
    properties: { input: { type: 'string', description: 'The input of the tool, as plain text.' } },
    required: ['input'],
    additionalProperties: false,
  }
  const text = words.filter((one) => one !== null).join('\n\n')
  return { type: 'function', function: { name, ...given({ description: filled(text) }), parameters } }
}

function nameOf(tool: unknown): string {
  return isObject(tool) ? String(tool.name) : ''
}

/** `allowed`: the names that a list of allowed tools leaves; null where there is none. */
function choiceOf(choice: unknown): { allowed: ReadonlySet<string> | null; choice: unknown } {
  if (choice == null || choice === 'auto' || choice === 'none' || choice === 'required')
    return { allowed: null, choice: choice ?? null }
  if (isObject(choice)) {
    if (choice.type === 'function' || choice.type === 'custom')
      return { allowed: null, choice: { type: 'function', function: { name: choice.name } } }
    if (choice.type === 'allowed_tools') {
      const names = objectsOf(choice.tools).map(({ name }) => String(name))
      return { allowed: new Set(names), choice: choice.mode === 'required' ? 'required' : 'auto' }
    }
  }
  const type = isObject(choice) ? String(choice.type) : String(choice)
  throw refused('tool_choice', `the tool choice "${type}"`)
}
