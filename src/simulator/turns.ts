import { isObject, type JsonObject } from './json.ts'

/** What the simulated model decides to answer. */
export type Reply =
  | { kind: 'text'; deltas: string[] }
  | { kind: 'function_call'; name: string; arguments: string }
  | { kind: 'custom_tool_call'; name: string; input: string }
  | { kind: 'compaction' }
  | { kind: 'image'; tool: JsonObject; prompt: string; images: number }

const mostEvents = 100_000

/**
 * Reads what to answer out of the request. Markers in the last user message decide: `FAKE_TOOL: command` asks for a
 * shell command, `FAKE_EVENTS: n` for n deltas, `FAKE_TEXT: text` for that text; anything else gets a friendly line. Who
 * demands the image tool gets an image, but for `FAKE_TEXT`, which is then why there is none.
 */
export function replyTo(body: JsonObject): Reply {
  const input = Array.isArray(body.input) ? body.input.filter(isObject) : []
  const last = input.at(-1)
  if (last?.type === 'compaction_trigger') return { kind: 'compaction' }
  if (typeof last?.type === 'string' && last.type.endsWith('_call_output')) {
    const line = firstLine(textOf(last.output))
    return { kind: 'text', deltas: words(`The command finished. Its output begins with: ${line}`) }
  }
  const asked = textOf(input.findLast((item) => item.role === 'user')?.content)
  const command = /FAKE_TOOL:[ \t]*(.+)/.exec(asked)?.[1]
  if (command !== undefined) return callFor(command.trim(), [...offered(body.tools), ...input.flatMap(toolsOfItem)])
  const events = /FAKE_EVENTS:[ \t]*(\d+)/.exec(asked)?.[1]
  if (events !== undefined) {
    const count = Math.min(mostEvents, Number(events))
    return { kind: 'text', deltas: Array.from({ length: count }, (_, i) => `tick ${i + 1} `) }
  }
  const text = /FAKE_TEXT:[ \t]?([\s\S]+)/.exec(asked)?.[1]
  if (text !== undefined) return { kind: 'text', deltas: words(text) }
  const tool = imageToolOf(body)
  if (tool !== null) {
    const parts = input.flatMap(({ content }) => (Array.isArray(content) ? content.filter(isObject) : []))
    const images = parts.filter(({ type }) => type === 'input_image').length
    return { kind: 'image', tool, prompt: firstLine(asked), images }
  }
  const about = firstLine(asked).slice(0, 80)
  return { kind: 'text', deltas: words(`Hello from the simulated upstream. You wrote: ${about || 'nothing'}`) }
}

function imageToolOf({ tools, tool_choice: choice }: JsonObject): JsonObject | null {
  if (!isObject(choice) || choice.type !== 'image_generation' || !Array.isArray(tools)) return null
  return tools.filter(isObject).find(({ type }) => type === 'image_generation') ?? null
}

function callFor(command: string, tools: { type: string; name: string }[]): Reply {
  const has = (type: string, name: string) => tools.some((tool) => tool.type === type && tool.name === name)
  if (has('custom', 'exec')) {
    const script = `const r = await tools.exec_command({cmd: ${JSON.stringify(command)}})`
    const show = 'text(typeof r === "string" ? r : (r.output ?? JSON.stringify(r)))'
    return { kind: 'custom_tool_call', name: 'exec', input: `${script}\n${show}\n` }
  }
  // Codex's older shell, then those of Claude Code and OpenCode.
  const shell = ['shell_command', 'Bash', 'bash', 'shell'].find((name) => has('function', name))
  if (!has('function', 'exec_command') && shell !== undefined) {
    return { kind: 'function_call', name: shell, arguments: JSON.stringify({ command }) }
  }
  return { kind: 'function_call', name: 'exec_command', arguments: JSON.stringify({ cmd: command }) }
}

/** The tools of a list, those inside namespaces included. */
function offered(tools: unknown): { type: string; name: string }[] {
  if (!Array.isArray(tools)) return []
  return tools.filter(isObject).flatMap((tool) => {
    if (tool.type === 'namespace') return offered(tool.tools)
    return typeof tool.type === 'string' && typeof tool.name === 'string' ? [{ type: tool.type, name: tool.name }] : []
  })
}

function toolsOfItem(item: JsonObject): { type: string; name: string }[] {
  return item.type === 'additional_tools' ? offered(item.tools) : []
}

function textOf(content: unknown): string {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return ''
  const texts = content.filter(isObject).map((part) => part.text)
  return texts.filter((text) => typeof text === 'string').join('\n')
}

/** The first line that is not a heading of the tool itself: real clients put a few of their own before `Output:`. */
function firstLine(text: string): string {
  const output = /^Output:\s*\n([\s\S]*)/m.exec(text)?.[1] ?? text
  return (
    output
      .split('\n')
      .find((line) => line.trim() !== '')
      ?.trim() ?? ''
  )
}

function words(text: string): string[] {
  return text.match(/\s*\S+\s*$|\s*\S+|\s+/g) ?? []
}
