import { homedir } from 'node:os'
import { createTwoFilesPatch, FILE_HEADERS_ONLY } from 'diff'
import { closest } from 'fastest-levenshtein'
import { z } from 'zod'
import { readConfig } from '../config.ts'
import type { Call, ExitCode, Options } from './command.ts'
import { addressOf, urlOf } from './setup/address.ts'
import { type ClientFile, type Target, UnreadableFile } from './setup/client-file.ts'
import { clients } from './setup/clients.ts'
import { changeFile, type EditedFile, openFile, restoreFile } from './setup/edited-file.ts'

type Plan = { file: EditedFile; next: string | null; done: string }

/** `codex-lb setup CLIENT`: puts our lines into a client's configuration, or takes them out again. */
export async function setup(call: Call, options: Options, ask = askServer): Promise<ExitCode> {
  const [name = '', ...more] = call.operands
  const client = Object.hasOwn(clients, name) ? clients[name] : undefined
  if (client === undefined || more.length > 0) {
    const names = Object.keys(clients)
    const hint = client === undefined ? `; the nearest is "${closest(name.slice(0, 40), names)}"` : ''
    call.complain(`codex-lb: give one client (${names.join(', ')})${hint}`)
    return 2
  }
  const file = await openFile(client.path(call.env, call.env.HOME ?? homedir()))
  try {
    const plan = options.has('undo') ? undoing(client, file, call) : await adding(client, file, call, options, ask)
    return plan === null ? 0 : await carryOut(plan, client, call, options)
  } catch (error) {
    if (error instanceof UnreadableFile) {
      call.complain(`codex-lb: ${file.path} was left alone: ${error.message}`)
      return 1
    }
    if (!(error instanceof Refused)) throw error
    call.complain(`codex-lb: ${error.message}`)
    return error.exitCode
  }
}

class Refused extends Error {
  readonly exitCode: ExitCode
  constructor(message: string, exitCode: ExitCode) {
    super(message)
    this.exitCode = exitCode
  }
}

async function adding(
  client: ClientFile,
  file: EditedFile,
  call: Call,
  options: Options,
  ask: typeof askServer,
): Promise<Plan | null> {
  const target = await targetOf(client, call, options, ask)
  const before = file.text ?? ''
  const next = client.add(before, target)
  for (const warning of client.warnings(next)) call.complain(`codex-lb: ${warning}`)
  if (next !== file.text) return { file, next, done: `${client.title} now uses ${target.url}.` }
  call.print(`${file.path} says all of it already; nothing to change.`)
  return null
}

function undoing(client: ClientFile, file: EditedFile, call: Call): Plan | null {
  const { backup } = file
  if (backup === null || file.text === null) {
    call.print(`${file.path} was not changed by setup; nothing to undo.`)
    return null
  }
  const done = `${client.title} is set up as it was before.`
  if (backup.wasWritten) return { file, next: backup.text, done }
  // Somebody changed it since: only what is ours goes.
  const next = client.remove(file.text, backup.text ?? '')
  const isEmpty = backup.text === null && ['', '{}'].includes(next.trim())
  return { file, next: isEmpty ? null : next, done }
}

async function targetOf(client: ClientFile, call: Call, options: Options, ask: typeof askServer): Promise<Target> {
  const { config } = readConfig(call.env, call.cwd, call.isTerminal)
  const url = urlOf(options.get('url')?.at(-1) ?? addressOf(config.host, config.port))
  if (url === null) {
    throw new Refused('option "--url" takes the address of the server, such as http://127.0.0.1:2455', 2)
  }
  const key = options.get('key')?.at(-1) ?? null
  if (key !== null && !/^sk-clb-[\w-]{20,}$/.test(key)) {
    throw new Refused('option "--key" takes a key of this server: sk-clb-… as it was shown when it was made', 2)
  }
  const keyFromEnvironment = options.has('key-env')
  if (key !== null && keyFromEnvironment) throw new Refused('give either "--key" or "--key-env"', 2)
  const answer = await ask(url, key ?? call.env.CODEX_LB_API_KEY ?? null)
  const model = options.get('model')?.at(-1) ?? null
  if (answer.kind === 'unreachable') call.complain(`codex-lb: ${url} does not answer (${answer.why}); is it running?`)
  if (answer.kind === 'refused' && key === null && !keyFromEnvironment) {
    throw new Refused(`${url} asks for a key: make one in its dashboard, and add --key sk-clb-… (or --key-env)`, 1)
  }
  if (answer.kind === 'refused' && key !== null) throw new Refused(`${url} does not accept this key`, 1)
  const models = answer.kind === 'models' ? answer.models : []
  if (client.needsModels && models.length === 0 && model === null) {
    throw new Refused(`${client.title} needs the list of models: start the server first, or name one with --model`, 1)
  }
  if (model !== null && models.length > 0 && !models.some(({ id }) => id === model)) {
    call.complain(`codex-lb: the pool has no model "${model}" now; it has ${models.map(({ id }) => id).join(', ')}`)
  }
  return { url, key, keyFromEnvironment, model, models }
}

type ServerAnswer =
  | { kind: 'models'; models: { id: string }[] }
  | { kind: 'refused' }
  | { kind: 'unreachable'; why: string }

const ModelList = z.object({ data: z.array(z.object({ id: z.string() })) })
const patienceMs = 5_000

/** Which models the server has for a client with this key. */
async function askServer(url: string, key: string | null): Promise<ServerAnswer> {
  try {
    const headers = key === null ? {} : { authorization: `Bearer ${key}` }
    const answer = await fetch(`${url}/v1/models`, { headers, signal: AbortSignal.timeout(patienceMs) })
    if (answer.status === 401 || answer.status === 403) return { kind: 'refused' }
    if (!answer.ok) return { kind: 'unreachable', why: `status ${answer.status}` }
    return { kind: 'models', models: ModelList.parse(await answer.json()).data }
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
    const why = cause instanceof Error && 'code' in cause ? String(cause.code) : 'no usable answer'
    return { kind: 'unreachable', why }
  }
}

/** Shows what would change, asks, and does it. */
async function carryOut(
  { file, next, done }: Plan,
  client: ClientFile,
  call: Call,
  options: Options,
): Promise<ExitCode> {
  call.print(diffOf(file, next))
  if (options.has('dry-run')) return 0
  const isAgreed = options.has('yes') || (await call.confirm?.('Write this? [y/N] '))
  if (isAgreed === undefined || isAgreed === null) {
    call.complain('codex-lb: nobody was there to ask, so nothing was written; add --yes')
    return 1
  }
  if (!isAgreed) {
    call.print('Nothing was changed.')
    return 0
  }
  if (options.has('undo')) {
    await restoreFile(file, next)
    call.print(done)
    return 0
  }
  // What is taken out as a whole was an undo.
  const { backupPath } = await changeFile(file, next ?? '')
  call.print(`${done} ${client.next}`)
  call.print(`What was there before is kept in ${backupPath}; "--undo" puts it back.`)
  return 0
}

/** As `diff -u` shows it, with keys hidden: terminals are recorded and shared. */
function diffOf({ path, text }: EditedFile, next: string | null): string {
  const patch = createTwoFilesPatch(path, path, text ?? '', next ?? '', undefined, undefined, {
    context: 2,
    headerOptions: FILE_HEADERS_ONLY,
  })
  return patch.trimEnd().replace(/sk-[\w-]{8,}/g, (key) => `${key.slice(0, 10)}…`)
}
