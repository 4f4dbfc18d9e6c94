import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { defaultSettings } from '../../src/domain/settings.ts'
import { AppError } from '../../src/errors.ts'
import { readAsk } from '../../src/proxy/ask.ts'
import { messagesSurface } from '../../src/proxy/messages.ts'
import { normalizeRequest } from '../../src/proxy/normalize.ts'
import { checkTranscription, transcriptionModel } from '../../src/proxy/pass/transcription.ts'
import { socketSurfaces } from '../../src/proxy/socket-surfaces.ts'
import { surfaces } from '../../src/proxy/surfaces.ts'
import { defaultModelMap } from '../../src/translate/anthropic/models.ts'
import { messagesToResponses } from '../../src/translate/anthropic/request.ts'
import { chatParameters, type Rule } from '../../src/translate/chat/parameters.ts'
import { completionParameters } from '../../src/translate/completions/request.ts'
import { editParameters, generationParameters } from '../../src/translate/images/parameters.ts'
import type { Json } from '../../src/translate/json.ts'
import { openSocket } from '../support/socket-client.ts'
import { type Rig, startRig } from '../support/start.ts'

// docs/compatibility.md says what the routes and the translators do, and nothing else.

const root = join(import.meta.dirname, '../..')
const read = (path: string) => readFileSync(join(root, path), 'utf8')
const page = read('docs/compatibility.md')

/** A row of a table: the section it stands in, the head of its table, its cells. */
type Row = { section: string; head: string; cells: string[] }

const rows = rowsOf(page)
const fates = ['passed', 'translated', 'here', 'dropped', 'refused']

function rowsOf(text: string): Row[] {
  const found: Row[] = []
  let section = ''
  let head: string | null = null
  for (const line of text.split('\n')) {
    if (line.startsWith('#')) section = line.replace(/^#+ /, '')
    if (!line.startsWith('|')) {
      head = null
      continue
    }
    const cells = line.split('|').slice(1, -1)
    const trimmed = cells.map((cell) => cell.trim())
    if (head === null) head = trimmed[0] ?? ''
    else if (!trimmed.every((cell) => /^-+$/.test(cell))) found.push({ section, head, cells: trimmed })
  }
  return found
}

const codesIn = (cell = '') => [...cell.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code)
/** Without the marks that only set a text apart. */
const plain = (text: string) => text.replaceAll('`', '')
const parametersOf = (section: string) => rows.filter((row) => row.section === section && row.head === 'Fate')
const about = (section: string, name: string) =>
  parametersOf(section).filter(({ cells }) => codesIn(cells[1]).includes(name))

/** The rows that say this of the parameter; what else is said of it is another matter. */
function told(section: string, name: string, fate: string, words = ''): Row[] {
  return about(section, name).filter(({ cells }) => cells[0] === fate && plain(cells[2] ?? '').includes(plain(words)))
}

/** The parameters of an interface of an SDK. */
function sdkParameters(file: string, type: string): string[] {
  const all = new RegExp(`interface ${type}\\b[^{]*\\{([\\s\\S]*?)\\n\\}`).exec(read(`node_modules/${file}`))?.[1] ?? ''
  return [...all.matchAll(/^ {4}(\w+)\??:/gm)].map(([, name = '']) => name)
}

function refusalOf(work: () => unknown): string | null {
  try {
    work()
    return null
  } catch (error) {
    if (error instanceof AppError) return error.message
    throw error
  }
}

const context = { requestId: 'req_1', nowMs: 0, settings: defaultSettings, accounts: [], key: null }

let rig: Rig
const routes: { method: string; url: string }[] = []

beforeAll(async () => {
  const onServer = (message: unknown) => {
    const { fastify } = message as { fastify: FastifyInstance }
    fastify.addHook('onRoute', ({ method, url }) => {
      for (const one of [method].flat()) routes.push({ method: one, url })
    })
  }
  subscribe('fastify.initialization', onServer)
  rig = await startRig({ importAll: false })
  unsubscribe('fastify.initialization', onServer)
})
afterAll(() => rig.close())

/** `METHOD /path`, with `ID` for whatever is named in a path; a WebSocket is opened by a GET. */
const endpoints = rows
  .filter(({ head }) => head === 'Endpoint')
  .flatMap(({ section, cells: [cell = '', support = ''] }) => {
    const written = [...cell.matchAll(/(WebSocket )?`([^`]+)`/g)]
    return written.map(([, socket, code]) => ({ section, support, endpoint: socket ? `GET ${code}` : String(code) }))
  })

describe('the page', () => {
  it('is read as it is meant', () => {
    expect(endpoints.length).toBeGreaterThan(40)
    expect(new Set(rows.filter(({ head }) => head === 'Fate').map(({ cells }) => cells[0]))).toEqual(new Set(fates))
    expect(new Set(endpoints.map(({ support }) => support))).toEqual(
      new Set(['native', 'translated', 'here', 'refused', 'not offered']),
    )
  })

  it('has every route for clients, and no other', () => {
    const isOurs = ({ method, url }: (typeof routes)[number]) =>
      method !== 'HEAD' &&
      // What is not there, the dashboard and its page, and what watches the server.
      !/^\/((v1|backend-api|health|api|assets)(\/\*)?|\*)?$/.test(url) &&
      (!url.startsWith('/api/') || url.startsWith('/api/codex/')) &&
      !url.startsWith('/health/') &&
      url !== '/metrics'
    const served = routes.filter(isOurs).map(({ method, url }) => `${method} ${url.replace(/:\w+|\*/g, 'ID')}`)
    const written = endpoints.flatMap(({ section, endpoint }) => (section === 'Not offered' ? [] : [endpoint]))
    expect([...new Set(served)].sort()).toEqual([...written].sort())
  })

  it.each([
    ...surfaces.map(({ path }) => `POST ${path}`),
    ...socketSurfaces(() => '').map(({ path }) => `GET ${path}`),
  ])('tells of turns at %s', (endpoint) => expect(endpoints.map((one) => one.endpoint)).toContain(endpoint))

  it('calls not offered what is not there', async () => {
    const absent = endpoints.filter(({ section }) => section === 'Not offered')
    expect(absent.length).toBeGreaterThan(9)
    for (const { endpoint } of absent) {
      const [method = '', path = ''] = endpoint.split(' ')
      const body = method === 'POST' ? { body: '{}', headers: { 'content-type': 'application/json' } } : {}
      const answer = await fetch(rig.url + path, { method, ...body })
      expect([endpoint, answer.status]).toEqual([endpoint, 404])
    }
  })

  it('names tests that exist', () => {
    const named = [...page.matchAll(/`(\S+\.(?:test|suite)\.ts)`/g)].map(([, path = '']) => path)
    expect(named.length).toBeGreaterThan(60)
    expect([...new Set(named)].filter((path) => !existsSync(join(root, 'test', path)))).toEqual([])
    const shown = rows.filter(({ head, cells }) => ['Endpoint', 'Client', 'When'].includes(head) && cells.length > 2)
    const silent = shown.filter(({ cells }) => !/\.(test|suite)\.ts/.test(cells.at(-1) ?? ''))
    expect(silent).toEqual([])
  })

  it('names the versions of clients that the tests run', () => {
    const wanted = (path: string): [name: string, version: string][] => {
      const { dependencies, devDependencies, optionalDependencies } = JSON.parse(read(path))
      return Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies })
    }
    const isClient = /^(openai|ai|@anthropic-ai\/.*|opencode-.*|codex-.*)$/
    const versions = ['package.json', 'test/clients/package.json', 'test/codex/package.json']
      .flatMap(wanted)
      .flatMap(([name, version]) => (isClient.test(name) ? [version.replace(/.*@/, '')] : []))
    expect(versions).toHaveLength(7)
    const clients = rows.filter(({ head }) => head === 'Client').map(({ cells }) => cells[0])
    for (const version of versions) expect(clients.join()).toContain(version)
  })
})

describe('what the page says beside its tables', () => {
  it('a WebSocket at /v1/responses keeps nothing, and makes nothing in the background', async () => {
    const said = Buffer.from(JSON.stringify({ model: 'gpt-5.5', input: 'hi', store: true }))
    const surface = socketSurfaces(() => '').find(({ path }) => path === '/v1/responses')
    const spoken = surface?.speak(said, context)
    expect(JSON.parse(String(spoken?.request)).store).toBe(false)
    expect(spoken?.isStorable).toBeUndefined()
    const socket = await openSocket(`${rig.url}/v1/responses`)
    const [error] = await socket.turn({ model: 'gpt-5.5', input: 'hi', background: true })
    expect(error).toMatchObject({ type: 'error', status: 400, error: { param: 'background' } })
    await socket.close()
  })

  it('a silent stream of messages is kept alive by pings', () => {
    const body = { model: 'claude-opus-4-8', max_tokens: 1, messages: [{ role: 'user', content: 'Hi' }] }
    const { request, exchange } = messagesSurface.speak(Buffer.from(JSON.stringify(body)), context)
    const { ask } = readAsk(request, {}, context.requestId)
    expect(exchange(ask).keepAlive).toBe('event: ping\ndata: {"type":"ping"}\n\n')
  })
})

const tables: [section: string, rules: Readonly<Record<string, Rule>>][] = [
  ['Chat Completions', chatParameters],
  ['Completions', completionParameters],
  ['Images', generationParameters],
  ['Images', editParameters],
]

describe.each(tables)('the parameters of %s', (section, rules) => {
  it.each(Object.entries(rules))('%s', (name, rule) => {
    const words = rule.does === 'dropped' ? rule.because : rule.does === 'refused' ? rule.message : ''
    expect(told(section, name, rule.does, words)).not.toEqual([])
  })

  it('are all that the page names', () => {
    const known = tables.flatMap(([one, all]) => (one === section ? Object.keys(all) : []))
    const written = parametersOf(section).flatMap(({ cells }) => codesIn(cells[1]))
    expect(written.filter((name) => !known.includes(name))).toEqual([])
  })
})

describe('the parameters of Responses', () => {
  const section = 'Responses'
  const base = { model: 'gpt-5.5', input: [{ type: 'message', role: 'user', content: 'hi' }] }
  const before = normalizeRequest(base)
  /** Values that show what becomes of a parameter; of the others any will do. */
  const samples: Record<string, unknown[]> = {
    input: ['hi'],
    reasoning: [{ effort: 'minimal' }, { effort: 'ultra' }],
    service_tier: ['fast', 'auto', 'default'],
    tools: [[{ type: 'web_search_preview' }]],
    tool_choice: [{ type: 'web_search_preview' }],
    stream: [false],
    store: [true],
    include: [['reasoning.encrypted_content']],
  }
  const names = sdkParameters('openai/resources/responses/responses.d.ts', 'ResponseCreateParamsBase')

  it('are those of the public API', () => {
    expect(names.length).toBeGreaterThan(25)
    const written = parametersOf(section).flatMap(({ cells }) => codesIn(cells[1]))
    expect([...new Set(written)].sort()).toEqual([...names].sort())
  })

  // It is looked at before a request comes this far.
  it.each(names.filter((name) => name !== 'background'))('%s', (name) => {
    const given = samples[name] ?? ['a value']
    const sent = given.map((value) => normalizeRequest({ ...base, [name]: value }))
    const isDropped = sent.every((one) => isDeepStrictEqual(one, before))
    const isPassed = sent.every((one, index) => isDeepStrictEqual(one[name], given[index]))
    const fate = isDropped ? 'dropped' : isPassed ? 'passed' : 'translated'
    expect(told(section, name, fate).length + told(section, name, 'here').length).toBe(1)
  })

  it.each<[name: string, body: Json]>([
    ['background', { background: true }],
    ['previous_response_id', { previous_response_id: 'resp_1', conversation: 'conv_1' }],
    ['include', { include: ['everything'] }],
  ])('%s may be refused, in the words of the page', async (name, body) => {
    const answer = await fetch(`${rig.url}/v1/responses`, {
      method: 'POST',
      body: JSON.stringify({ ...base, ...body }),
    })
    const { error } = (await answer.json()) as { error: { message: string } }
    expect(answer.status).toBe(400)
    const words = name === 'include' ? error.message.replace(/^.*: |\.$/g, '') : error.message
    expect(told(section, name, 'refused', words)).toHaveLength(1)
  })
})

describe('the parameters of Anthropic Messages', () => {
  const section = 'Anthropic Messages'
  const base = { model: 'claude-opus-4-8', max_tokens: 100, messages: [{ role: 'user', content: 'Hi' }] }
  const asked = (more: Json) => messagesToResponses({ ...base, ...more }, { model: 'gpt-5.6-sol' })
  const before = asked({})
  const samples: Record<string, unknown> = {
    model: 'claude-sonnet-4-5',
    stream: true,
    messages: [{ role: 'user', content: 'Bye' }],
    system: 'Be kind.',
    tools: [{ name: 'now', input_schema: { type: 'object' } }],
    tool_choice: { type: 'any' },
    thinking: { type: 'adaptive' },
    output_config: { effort: 'low' },
    output_format: { type: 'json_schema', schema: {} },
    stop_sequences: ['STOP'],
    speed: 'fast',
    metadata: { user_id: 'user_a_session_b' },
    max_tokens: 7,
    thread: { id: 'thread_1' },
    mcp_servers: [{ type: 'url', url: 'https://mcp.example', name: 'x' }],
  }
  const names = ['messages', 'beta/messages'].flatMap((folder) =>
    sdkParameters(`@anthropic-ai/sdk/resources/${folder}/messages.d.ts`, 'MessageCreateParamsBase'),
  )

  // The SDK makes a header of `betas`; earlier versions of the API had the three others.
  const known = [...new Set([...names, 'temperature', 'top_p', 'top_k'])].filter((name) => name !== 'betas')

  it('are those of the public API', () => {
    expect(names.length).toBeGreaterThan(25)
    const written = parametersOf(section).flatMap(({ cells }) => codesIn(cells[1]))
    expect([...new Set(written)].sort()).toEqual(known.sort())
  })

  it.each(known)('%s', (name) => {
    const given = { [name]: samples[name] ?? 'a value' }
    const fate = (() => {
      if (name === 'tool_choice') {
        const { tools } = samples
        return isDeepStrictEqual(asked({ tools, ...given }), asked({ tools })) ? 'dropped' : 'translated'
      }
      if (refusalOf(() => asked(given)) !== null) return 'refused'
      return isDeepStrictEqual(asked(given), before) ? 'dropped' : 'translated'
    })()
    const written = about(section, name).map(({ cells }) => cells[0])
    // What goes through may still be refused for some of its values.
    expect(fate === 'refused' ? written : written.filter((one) => one !== 'refused')).toEqual([fate])
  })

  it.each<[name: string, body: Json]>([
    ['max_tokens', { max_tokens: 0 }],
    ['thread', { thread: samples.thread }],
    ['mcp_servers', { mcp_servers: samples.mcp_servers }],
  ])('%s may be refused, in the words of the page', (name, body) =>
    expect(told(section, name, 'refused', refusalOf(() => asked(body)) ?? 'nothing')).toHaveLength(1),
  )

  it('has the map of models', () => {
    const [words = ''] = /^Claude's names stand for[\s\S]*?\n\n/m.exec(page) ?? []
    for (const name of Object.entries(defaultModelMap).flat()) if (name !== 'claude-*') expect(words).toContain(name)
  })
})

describe('the parameters of a transcription', () => {
  const section = 'Audio'
  const refusal = (fields: Record<string, string>) =>
    refusalOf(() => checkTranscription((name) => [{ model: transcriptionModel, ...fields }[name] ?? []].flat()))
  const names = sdkParameters('openai/resources/audio/transcriptions.d.ts', 'TranscriptionCreateParamsBase')

  it('are those of the public API', () => {
    const written = parametersOf(section).flatMap(({ cells }) => codesIn(cells[1]))
    expect([...new Set(written)].sort()).toEqual([...names].sort())
  })

  it('go to the upstream where the page says passed, and nothing else does', () => {
    const passed = parametersOf(section).flatMap(({ cells }) => (cells[0] === 'passed' ? codesIn(cells[1]) : []))
    // As integration/audio.test.ts finds them there.
    expect(passed).toEqual(['file', 'prompt'])
  })

  it.each(names.filter((name) => name !== 'model'))('%s', (name) => {
    const message = refusal({ [name]: 'a value' })
    if (message === null) expect(told(section, name, 'passed').length + told(section, name, 'dropped').length).toBe(1)
    else expect(about(section, name).filter(({ cells }) => plain(cells[2] ?? '').includes(message))).toHaveLength(1)
  })
})

describe('the parameters of embeddings', () => {
  it('are those of the public API, and go to the source', () => {
    const names = sdkParameters('openai/resources/embeddings.d.ts', 'EmbeddingCreateParams')
    const written = parametersOf('Embeddings').flatMap(({ cells }) => codesIn(cells[1]))
    expect([...new Set(written)].sort()).toEqual([...names].sort())
    // As integration/embeddings.test.ts finds them there.
    const passed = parametersOf('Embeddings').flatMap(({ cells }) => (cells[0] === 'passed' ? codesIn(cells[1]) : []))
    expect(passed).toEqual(['input', 'dimensions', 'encoding_format', 'user'])
  })
})
