/** What a command needs from the process it runs in. */
export type Surroundings = {
  env: Record<string, string | undefined>
  cwd: string
  /** Whether a person reads stderr. */
  isTerminal: boolean
  /** One line to stdout. */
  print(line: string): void
  /** One line to stderr. */
  complain(line: string): void
  /** Asks the person at the terminal a question that is answered by y or n; null when nobody is there. */
  confirm?(question: string): Promise<boolean | null>
}

export type Call = Surroundings & {
  /** What follows the command's name. */
  operands: string[]
}

/** The command's own options that were given, each with its values in order; a switch has none. */
export type Options = ReadonlyMap<string, readonly string[]>

/** 0 fine, 1 failed, 2 bad usage, 78 bad configuration. */
export type ExitCode = 0 | 1 | 2 | 78

/** Resolves when the command is done. May throw a `ConfigError`; whatever else it throws is shown and ends with 1. */
type Run = (call: Call, options: Options) => Promise<ExitCode>

export type Command = {
  name: string
  /** One line for the list of commands. */
  summary: string
  /** What follows the command's name, as help shows it; empty when nothing may follow. */
  operands: string
  /** Its own options by name: what follows each, as help shows it; empty for a switch. */
  options?: Readonly<Record<string, string>>
  /** What `--help` of the command says below its usage. */
  help: string
  run: Run
}
