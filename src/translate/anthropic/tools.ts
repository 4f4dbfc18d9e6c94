import { invalid } from '../../errors.ts'
import { filled, given, isObject, type Json } from '../json.ts'
import { builtInTool } from './built-in-tools.ts'
import { refuse, wrongTag } from './refuse.ts'
import { isStrictSchema } from './strict-schema.ts'
import { upstreamName } from './tool-names.ts'

export type Tools = {
  /** `tools`, `tool_choice` and `parallel_tool_calls`, each only where it is wanted. */
  fields: Json
  /** From the name that the upstream got to the client's, where they differ. */
  names: ReadonlyMap<string, string>
  hasSearch: boolean
}

/** The tools of a request and how they may be used. @throws AppError naming the tool */
export function toolsOf(body: Json): Tools {
  const asked = body.tools ?? []
  if (!Array.isArray(asked)) throw refuse('tools', 'Input should be a valid list')
  const names = new Map<string, string>()
  const types = new Map<string, unknown>()
  const tools = asked.flatMap((tool: unknown, index): Json[] => {
    const path = `tools.${index}`
    if (!isObject(tool)) throw refuse(path, 'Input should be a valid dictionary')
    // It finds tools that are held back, and here the model sees them all.
    if (typeof tool.type === 'string' && /^tool_search_tool_/.test(tool.type)) return []
    const made = toolOf(tool, path)
    const name = nameOf(tool, path)
    if (types.has(name)) throw refuse('tools', 'Tool names must be unique.')
    types.set(name, made.type)
    if (upstreamName(name) !== name) names.set(upstreamName(name), name)
    return [made]
  })
  return {
    fields: tools.length === 0 ? {} : { tools, ...choiceOf(body.tool_choice, types) },
    names,
    hasSearch: tools.some(({ type }) => type === 'web_search'),
  }
}

function nameOf(tool: Json, path: string): string {
  const name = filled(tool.name)
  if (name === null) throw refuse(`${path}.name`, 'Field required')
  return name
}

function toolOf(tool: Json, path: string): Json {
  if (tool.type == null || tool.type === 'custom') return customTool(tool, nameOf(tool, path), path)
  const type = String(tool.type)
  if (/^web_search_\d{8}$/.test(type)) return searchTool(tool, path)
  const made = builtInTool(type)
  if (made !== null) return { ...made, name: upstreamName(nameOf(tool, path)) }
  throw refuse(
    path,
    `The tool type "${type}" is not offered here. Offered are: custom tools (with an input_schema), bash, ` +
      'text_editor, memory and web_search.',
  )
}

function customTool(tool: Json, name: string, path: string): Json {
  const at = `${path}.custom`
  if (!/^[a-zA-Z0-9_-]{1,128}$/.test(name)) {
    throw refuse(`${at}.name`, "String should match pattern '^[a-zA-Z0-9_-]{1,128}$'")
  }
  const { input_schema: schema } = tool
  if (schema == null) throw refuse(`${at}.input_schema`, 'Field required')
  if (!isObject(schema)) throw refuse(`${at}.input_schema`, 'Input should be a valid dictionary')
  if (schema.type !== 'object') throw refuse(`${at}.input_schema.type`, "Input should be 'object'")
  if (['oneOf', 'allOf', 'anyOf'].some((word) => schema[word] !== undefined)) {
    throw refuse(`${at}.input_schema`, 'input_schema does not support oneOf, allOf, or anyOf at the top level')
  }
  // The upstream wants to see the properties even where there are none.
  const parameters = isObject(schema.properties) ? schema : { ...schema, properties: {} }
  return given({
    type: 'function',
    name: upstreamName(name),
    description: filled(tool.description),
    parameters,
    // Left out, the upstream would bend the schema into its strict form.
    strict: tool.strict === true && isStrictSchema(parameters),
  })
}

/** How often it may be used is for the upstream to decide. */
function searchTool(tool: Json, path: string): Json {
  const { allowed_domains: allowed, blocked_domains: blocked, user_location: place } = tool
  if (Array.isArray(blocked) && blocked.length > 0) {
    throw refuse(`${path}.blocked_domains`, 'Blocking domains is not offered here; name allowed_domains instead')
  }
  return given({
    type: 'web_search',
    filters: Array.isArray(allowed) && allowed.length > 0 ? { allowed_domains: allowed } : null,
    user_location: isObject(place) ? given(place) : null,
  })
}

/** `types` are the upstream's types of the tools, by the client's names. */
function choiceOf(choice: unknown, types: ReadonlyMap<string, unknown>): Json {
  if (choice == null) return {}
  if (!isObject(choice)) throw refuse('tool_choice', 'Input should be a valid dictionary')
  const parallel = choice.disable_parallel_tool_use === true ? { parallel_tool_calls: false } : {}
  switch (choice.type) {
    case 'auto':
      return { tool_choice: 'auto', ...parallel }
    case 'any':
      return { tool_choice: 'required', ...parallel }
    case 'none':
      return { tool_choice: 'none' }
    case 'tool': {
      const name = filled(choice.name)
      if (name === null) throw refuse('tool_choice.tool.name', 'Field required')
      if (!types.has(name)) throw invalid('tool_choice', `Tool '${name}' not found in provided tools`)
      const isSearch = types.get(name) === 'web_search'
      const chosen = isSearch ? { type: 'web_search' } : { type: 'function', name: upstreamName(name) }
      return { tool_choice: chosen, ...parallel }
    }
    default:
      throw wrongTag('tool_choice', choice.type, ['any', 'auto', 'none', 'tool'])
  }
}
