import { invalid } from '../../errors.ts'
import { booleanField, filled, given, isObject, type Json, wordField } from '../json.ts'

/** The tool part of a response request, and in which form the client wants calls back. */
export type Tools = { fields: Json; calls: CallForm }

/** `function`: the older form, one `function_call` per answer. */
export type CallForm = 'tools' | 'function'

/** @throws AppError naming the tool */
export function toolsOf(body: Json): Tools {
  const isOlder = body.functions != null
  if (isOlder && body.tools != null) throw invalid('functions', 'Give "tools" or the older "functions", not both.')
  const listed = isOlder ? listOf(body, 'functions').map(functionOfList) : listOf(body, 'tools').map(toolOf)
  const tools = body.web_search_options == null ? listed : [...listed, searchTool(body.web_search_options)]
  const choice = isOlder ? olderChoice(body.function_call) : choiceOf(body.tool_choice)
  const parallel = booleanField(body, 'parallel_tool_calls')
  const calls = isOlder ? 'function' : 'tools'
  if (tools.length === 0) {
    if (isObject(choice) || choice === 'required') {
      throw invalid('tool_choice', '"tool_choice" asks for a tool, but "tools" is empty.')
    }
    // Some models refuse any explicit list, even an empty one, and the rest means nothing without it.
    return { fields: {}, calls }
  }
  return { fields: given({ tools, tool_choice: choice, parallel_tool_calls: isOlder ? false : parallel }), calls }
}

function listOf(body: Json, name: string): unknown[] {
  const list = body[name] ?? []
  if (!Array.isArray(list)) throw invalid(name, `"${name}" must be a list.`)
  return list
}

function toolOf(tool: unknown, index: number): Json {
  const path = `tools[${index}]`
  if (!isObject(tool)) throw invalid(path, 'Every tool must be an object with a "type".')
  switch (tool.type) {
    case 'function':
      return functionTool(tool.function, `${path}.function`)
    case 'custom':
      return customTool(tool.custom, `${path}.custom`)
    case 'web_search':
    case 'web_search_preview':
      return searchTool(tool)
    default:
      throw invalid(
        `${path}.type`,
        'A tool must have the type "function", "custom" or "web_search"; other built-in tools need /v1/responses.',
      )
  }
}

function functionOfList(tool: unknown, index: number): Json {
  return functionTool(tool, `functions[${index}]`)
}

function functionTool(tool: unknown, path: string): Json {
  const { name, fields } = named(tool, path)
  const { parameters } = fields
  if (parameters != null && !isObject(parameters)) {
    throw invalid(`${path}.parameters`, '"parameters" must be a JSON schema.')
  }
  return {
    type: 'function',
    name,
    ...given({ description: filled(fields.description) }),
    parameters: parameters ?? { type: 'object', properties: {} },
    // Left out it means false here and true on the other side.
    strict: fields.strict === true,
  }
}

function customTool(tool: unknown, path: string): Json {
  const { name, fields } = named(tool, path)
  return given({
    type: 'custom',
    name,
    description: filled(fields.description),
    format: customFormat(fields.format, `${path}.format`),
  })
}

function customFormat(format: unknown, path: string): Json | null {
  if (format == null) return null
  if (isObject(format) && format.type === 'text') return { type: 'text' }
  const grammar = isObject(format) && format.type === 'grammar' ? format.grammar : null
  if (isObject(grammar) && typeof grammar.definition === 'string' && typeof grammar.syntax === 'string') {
    return { type: 'grammar', definition: grammar.definition, syntax: grammar.syntax }
  }
  throw invalid(path, 'The format must be {"type":"text"}, or a grammar with its "definition" and "syntax".')
}

function searchTool(options: unknown): Json {
  if (!isObject(options)) throw invalid('web_search_options', '"web_search_options" must be an object.')
  const size = wordField(options, 'search_context_size', ['low', 'medium', 'high'])
  return given({ type: 'web_search', search_context_size: size, user_location: locationOf(options.user_location) })
}

/** Chat nests the place one level deeper than a response does. */
function locationOf(location: unknown): Json | null {
  if (!isObject(location)) return null
  const { city, country, region, timezone } = isObject(location.approximate) ? location.approximate : location
  const place = { city: filled(city), country: filled(country), region: filled(region), timezone: filled(timezone) }
  return given({ type: 'approximate', ...place })
}

function choiceOf(choice: unknown): unknown {
  if (choice == null) return null
  if (typeof choice === 'string' && ['none', 'auto', 'required'].includes(choice)) return choice
  if (isObject(choice) && choice.type === 'allowed_tools') return allowedTools(choice.allowed_tools)
  const tool = isObject(choice) ? chosen(choice) : null
  if (tool !== null) return tool
  throw invalid('tool_choice', '"tool_choice" must be none, auto, required, or name a tool.')
}

function allowedTools(allowed: unknown): Json {
  const tools = isObject(allowed) && Array.isArray(allowed.tools) ? allowed.tools : null
  const chosenTools = tools?.map((tool) => (isObject(tool) ? chosen(tool) : null)) ?? []
  if (!isObject(allowed) || chosenTools.length === 0 || chosenTools.includes(null)) {
    throw invalid('tool_choice.allowed_tools', '"allowed_tools" needs a "mode" and a list of "tools".')
  }
  const mode = wordField(allowed, 'mode', ['auto', 'required'], 'tool_choice.allowed_tools.mode')
  return { type: 'allowed_tools', mode: mode ?? 'auto', tools: chosenTools }
}

/** A tool that a choice names, or null when it names none. */
function chosen(choice: Json): Json | null {
  if (choice.type === 'web_search' || choice.type === 'web_search_preview') return { type: 'web_search' }
  if (choice.type !== 'function' && choice.type !== 'custom') return null
  const body = choice[choice.type]
  const name = isObject(body) ? filled(body.name) : null
  return name === null ? null : { type: choice.type, name }
}

function olderChoice(choice: unknown): unknown {
  if (choice == null || choice === 'none' || choice === 'auto') return choice ?? null
  const name = isObject(choice) ? filled(choice.name) : null
  if (name !== null) return { type: 'function', name }
  throw invalid('function_call', '"function_call" must be none, auto, or name a function.')
}

function named(tool: unknown, path: string): { name: string; fields: Json } {
  if (!isObject(tool)) throw invalid(path, 'The tool needs an object with its "name".')
  const name = filled(tool.name)
  if (name === null) throw invalid(`${path}.name`, 'A tool needs a "name".')
  return { name, fields: tool }
}
