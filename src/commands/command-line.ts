import { inspect, parseArgs } from 'node:util'
import { closest } from 'fastest-levenshtein'
import { ConfigError } from '../config.ts'
import { version } from '../version.ts'
import type { Command, ExitCode, Surroundings } from './command.ts'
import { commands } from './commands.ts'

const options = {
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'v' },
} as const

const defaultCommand = 'serve'

/** Runs what the arguments (without the program's name) ask for. Never throws: a failure is told, and is the exit code. */
export async function runCommandLine(args: readonly string[], surroundings: Surroundings): Promise<ExitCode> {
  const { print, complain } = surroundings
  const [first = ''] = args
  const isNamed = first !== '' && !first.startsWith('-')
  const name = isNamed ? first : defaultCommand
  const command = commands.find((candidate) => candidate.name === name)
  if (command === undefined) {
    complain(`codex-lb: ${unknownCommand(name)}\n\n${generalUsage()}`)
    return 2
  }
  const { flags, operands, own, fault } = parse(args.slice(isNamed ? 1 : 0), command)
  if (flags.has('help')) {
    print(isNamed ? helpOf(command) : generalHelp())
    return 0
  }
  if (flags.has('version')) {
    print(version)
    return 0
  }
  if (fault !== null) {
    complain(`codex-lb: ${fault}\n\n${isNamed ? usageOf(command) : generalUsage()}`)
    return 2
  }
  try {
    return await command.run({ ...surroundings, operands }, own)
  } catch (error) {
    if (error instanceof ConfigError) {
      complain(error.message)
      return error.exitCode
    }
    if (error instanceof Error && 'exitCode' in error && error.exitCode === 78) {
      complain(`codex-lb: ${error.message}`)
      return 78
    }
    // What carries a code was foreseen and says enough; anything else is a bug, and its stack helps to find it.
    const isForeseen = error instanceof Error && 'code' in error
    complain(`codex-lb: ${isForeseen ? error.message : inspect(error)}`)
    return 1
  }
}

/** The options and operands after the command's name; a fault is told only when no help or version was asked for. */
function parse(args: string[], command: Command) {
  const ownNames = Object.entries(command.options ?? {})
  const all: Record<string, { type: 'string' | 'boolean'; short?: string }> = { ...options }
  for (const [name, value] of ownNames) all[name] = { type: value === '' ? 'boolean' : 'string' }
  const { tokens, positionals: operands } = parseArgs({ args, options: all, strict: false, tokens: true })
  const own = new Map<string, string[]>()
  const flags = new Set<string>()
  let fault: string | null = null
  for (const token of tokens) {
    if (token.kind !== 'option') continue
    fault ??= faultOf(token, all, command)
    if (Object.hasOwn(options, token.name) && token.value === undefined) flags.add(token.name)
    else own.set(token.name, [...(own.get(token.name) ?? []), ...(token.value === undefined ? [] : [token.value])])
  }
  if (command.operands === '' && operands[0] !== undefined) {
    fault ??= `"${command.name}" takes nothing after it, but got ${shown(operands[0])}`
  } else if (command.operands !== '' && operands.length === 0) fault ??= `"${command.name}" needs ${command.operands}`
  return { flags, operands, own, fault }
}

function faultOf(
  { name, rawName, value }: { name: string; rawName: string; value?: string | undefined },
  all: Record<string, { type: 'string' | 'boolean' }>,
  command: Command,
): string | null {
  if (!Object.hasOwn(all, name)) {
    return `unknown option ${shown(rawName)}; the nearest is "--${nearest(name, Object.keys(all))}"`
  }
  const takesValue = all[name]?.type === 'string'
  if (!takesValue) return value === undefined ? null : `option ${shown(rawName)} takes no value`
  const isMissing = value === undefined || value === '' || value.startsWith('--')
  return isMissing ? `option ${shown(rawName)} needs ${command.options?.[name]}` : null
}

function unknownCommand(name: string): string {
  return `unknown command ${shown(name)}; the nearest is "${nearest(
    name,
    commands.map((command) => command.name),
  )}"`
}

/** Comparing is quadratic, so of a very long word only the beginning counts. */
function nearest(word: string, words: string[]): string {
  return closest(word.slice(0, 40), words)
}

/** An argument as it may be repeated: control characters escaped, not too long. */
function shown(argument: string): string {
  return JSON.stringify(argument.length > 80 ? `${argument.slice(0, 80)}…` : argument)
}

function usageOf(command: Command): string {
  const given = Object.entries(command.options ?? {}).map(([name, value]) => ` [${`--${name} ${value}`.trimEnd()}]`)
  return `Usage: codex-lb ${command.name}${given.join('')} ${command.operands}`.trimEnd()
}

function helpOf(command: Command): string {
  return `${usageOf(command)}\n\n${command.summary}.\n\n${command.help}`
}

function generalUsage(): string {
  const rows = commands.map((command) => [`${command.name} ${command.operands}`, command.summary] as const)
  const width = Math.max(...rows.map(([left]) => left.length)) + 2
  const list = rows.map(([left, right]) => `  ${left.padEnd(width)}${right}`).join('\n')
  return `Usage: codex-lb [COMMAND]\n\nCommands:\n${list}\n\nOptions:\n  -h, --help     This text, or that of a command\n  -v, --version  The version`
}

function generalHelp(): string {
  return `codex-lb pools the ChatGPT accounts you own behind one address for Codex and OpenAI clients.

${generalUsage()}

It is configured by CODEX_LB_ variables in the environment, in .env or in .env.local.
Exit codes: 0 fine, 1 failed, 2 bad usage, 78 bad configuration.`
}
