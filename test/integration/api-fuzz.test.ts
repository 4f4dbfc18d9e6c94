import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { anyJson, fitting, type JsonSchema, spoilt } from '../support/json-schema.ts'
import { type Rig, startRig } from '../support/start.ts'
import type { Untyped } from '../support/untyped.ts'

type Operation = {
  method: string
  path: string
  params: { name: string; in: 'path' | 'query'; schema: JsonSchema }[]
  body: JsonSchema | null
}

const seed = 20_261_125
const tries = Number(process.env.TEST_FUZZ_TRIES ?? 24)
const methods = ['get', 'post', 'put', 'patch', 'delete']

let rig: Rig
let operations: Operation[]
/** Operations that have answered something with a success. */
const met = new Set<string>()
/** Ids that exist, so that not every call ends at "there is no such thing". */
const ids: Record<string, string[]> = {}

beforeAll(async () => {
  rig = await startRig()
  operations = await described()
  await fetch(`${rig.url}/v1/responses`, { method: 'POST', body: '{"model":"gpt-5.5","input":"hi"}' })
  ids['/api/accounts'] = [(await rig.account('b@example.com')).accountId]
  ids['/api/settings/groups'] = ['routing', 'clients']
  const office = { name: 'office', scheme: 'http', host: '127.0.0.1', port: 9 }
  ids['/api/egress-proxies'] = [await added('/api/egress-proxies', office)]
  ids['/api/egress-pools'] = [await added('/api/egress-pools', { name: 'all' })]
  ids['/api/request-logs'] = (await rig.requests()).map(({ id }) => id)
}, 60_000)
afterAll(() => rig.close())

async function added(path: string, body: object): Promise<string> {
  const headers = { 'content-type': 'application/json' }
  const answer = await fetch(rig.url + path, { method: 'POST', headers, body: JSON.stringify(body) })
  return ((await answer.json()) as Untyped).id
}

async function described(): Promise<Operation[]> {
  const document: Untyped = await (await fetch(`${rig.url}/api/openapi.json`)).json()
  return Object.entries<Untyped>(document.paths).flatMap(([path, one]) =>
    methods.flatMap((method) => {
      const operation = one[method]
      const content = operation?.requestBody?.content ?? {}
      const body = content['application/json']?.schema ?? null
      // Streams never end, and uploads have tests of their own.
      const isStream = JSON.stringify(operation?.responses ?? {}).includes('text/event-stream')
      if (operation === undefined || isStream || content['multipart/form-data']) return []
      return [{ method: method.toUpperCase(), path, params: operation.parameters ?? [], body }]
    }),
  )
}

/** These take the others' access away, or reach out of this machine for as long as they please. */
const apart = (path: string) => path.startsWith('/api/dashboard-auth/') || /^\/api\/egress-.*\/test$/.test(path)

const requestFor = ({ path, params, body }: Operation): fc.Arbitrary<{ url: string; body: unknown }> => {
  const known = ids[Object.keys(ids).find((start) => path.startsWith(`${start}/`)) ?? ''] ?? []
  const inPath = params.filter((one) => one.in === 'path')
  const inQuery = params.filter((one) => one.in === 'query')
  const place = fc.oneof(
    { weight: 2, arbitrary: fc.constantFrom('none', ...known) },
    { weight: 1, arbitrary: fc.string({ minLength: 1, maxLength: 30 }) },
  )
  const query = fc.record(
    Object.fromEntries(inQuery.map(({ name, schema }) => [name, fc.oneof(fitting(schema), anyJson)])),
    { requiredKeys: [] },
  )
  const bodies = body === null ? fc.constant(undefined) : fc.oneof(fitting(body), spoilt(body), anyJson)
  return fc.record({ places: fc.tuple(...inPath.map(() => place)), query, body: bodies }).map((made) => {
    const filled = inPath.reduce(
      (url, { name }, at) => url.replace(`{${name}}`, encodeURIComponent(wellFormed(made.places[at] ?? ''))),
      path,
    )
    const search = Object.entries(made.query).flatMap(([name, value]) =>
      [value]
        .flat()
        .map(
          (one) =>
            `${name}=${encodeURIComponent(wellFormed(typeof one === 'string' ? one : (JSON.stringify(one) ?? '')))}`,
        ),
    )
    return {
      url: search.length === 0 ? filled : `${filled}?${search.join('&')}`,
      body: made.body,
    }
  })
}

const wellFormed = (text: string) => text.toWellFormed()

async function ask(operation: Operation, made: { url: string; body: unknown }): Promise<string[]> {
  const sent =
    made.body === undefined ? {} : { body: JSON.stringify(made.body), headers: { 'content-type': 'application/json' } }
  const answer = await fetch(rig.url + made.url, {
    method: operation.method,
    ...sent,
    signal: AbortSignal.timeout(25_000),
  })
  const text = await answer.text()
  const said = `${operation.method} ${made.url.slice(0, 200)} ${JSON.stringify(made.body ?? null).slice(0, 300)}: ${answer.status} ${text.slice(0, 300)}`
  if (answer.status >= 500 && answer.status !== 502 && answer.status !== 504) return [said]
  if (answer.status < 400) {
    met.add(`${operation.method} ${operation.path}`)
    return []
  }
  const error = parsed(text)?.error
  const isOurs =
    typeof error?.code === 'string' && typeof error?.message === 'string' && typeof error?.requestId === 'string'
  return isOurs ? [] : [`no envelope: ${said}`]
}

function parsed(text: string): Untyped {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

async function fuzz(chosen: readonly Operation[]): Promise<string[]> {
  const faults: string[] = []
  for (const operation of chosen) {
    for (const made of fc.sample(requestFor(operation), { numRuns: tries, seed }))
      faults.push(...(await ask(operation, made)))
  }
  return faults
}

describe('the management API, whatever it is sent', () => {
  it('answers what it can, refuses the rest in its envelope, and never breaks', async () => {
    const chosen = operations.filter(({ path }) => !apart(path))
    expect(chosen.length).toBeGreaterThan(40)
    // Reading first: what is changed or deleted must not keep a later call from being looked at.
    const order = ['GET', 'PUT', 'PATCH', 'POST', 'DELETE']
    const sorted = chosen.toSorted((a, b) => order.indexOf(a.method) - order.indexOf(b.method))
    expect(await fuzz(sorted)).toEqual([])
    expect((await fetch(`${rig.url}/health/ready`)).status).toBe(200)
    // Refusing everything would be no art.
    expect(met.size / chosen.length).toBeGreaterThan(0.5)
  }, 600_000)

  it('holds at the door as well', async () => {
    expect(await fuzz(operations.filter(({ path }) => apart(path)))).toEqual([])
  }, 300_000)
})
