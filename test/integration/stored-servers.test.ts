import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { defaultSettings, type Settings } from '../../src/domain/settings.ts'
import type { Store } from '../../src/store/store.ts'
import { breakOff } from '../../src/stored/break-off.ts'
import { eventText } from '../../src/stored/endings.ts'
import type { Beginning, Recording } from '../../src/stored/recording.ts'
import { createStored, type Stored } from '../../src/stored/stored.ts'
import { createManualClock, type ManualClock } from '../support/clock.ts'
import { eventually } from '../support/import-client.ts'
import { engines, type TestDatabase } from '../support/stores.ts'

// Two servers on one database: what one makes, the other one finds, follows and ends.

const [engine] = engines()
let database: TestDatabase
let clock: ManualClock
let here: Stored
let there: Stored
let store: Store['responses']
let settings: Settings
const errors: unknown[] = []

const serverOn = (responses: Store['responses'], maxHistoryBytes = 1_000_000) =>
  createStored({
    ...{ store: responses, clock, settings: () => settings, maxHistoryBytes },
    onError: (error) => errors.push(error),
  })

beforeEach(async () => {
  if (engine === undefined) throw new Error('There is no engine.')
  database = await engine.create()
  clock = createManualClock()
  settings = defaultSettings
  errors.length = 0
  store = (await database.open()).responses
  here = serverOn(store)
  there = serverOn((await database.open()).responses)
})
afterEach(() => database.dispose())
afterAll(() => engine?.close())

const beginning: Beginning = {
  ...{ kind: 'response', keyId: 'key_1', background: true, model: 'gpt-5', previousId: null, threadId: 'kept_1' },
  ...{ input: [{ role: 'user', content: 'hi' }], metadata: {} },
}
const name = (id = 'resp_1', keyId: string | null = 'key_1') => ({ kind: 'response', id, keyId }) as const
const running = { id: 'resp_1', status: 'in_progress', output: [] }
const say = (recording: Recording, text = 'x') => recording.event((place) => eventText('e', { place, text }))
const places = (events: readonly { sequence: number }[]) => events.map(({ sequence }) => sequence)

async function begun(given: Partial<Beginning> = {}): Promise<Recording> {
  const recording = here.record({ ...beginning, ...given })
  recording.begin(running)
  await recording.written()
  return recording
}

/** Lets timers and what they begin happen. */
async function pass(ms: number): Promise<void> {
  const turns = async () => {
    for (let turn = 0; turn < 20; turn++) await nextTurn()
  }
  await turns()
  clock.advance(ms)
  await turns()
}

async function readAll(server: Stored, after: number, onRead: (places: number[]) => void): Promise<void> {
  const object = await server.get(name())
  for await (const batch of await server.events(object, after, new AbortController().signal)) onRead(places(batch))
}

describe('a response that one server makes', () => {
  it('is found on both, by its own key only', async () => {
    const recording = await begun()
    recording.progress({ ...running, output: [{ type: 'message' }] })
    expect((await here.get(name())).output).toMatchObject({ output: [{ type: 'message' }] })
    expect(await there.get(name())).toMatchObject({ status: 'in_progress' })
    for (const server of [here, there])
      for (const keyId of [null, 'key_2']) {
        await expect(server.get(name('resp_1', keyId))).rejects.toMatchObject({ code: 'response_not_found' })
        await expect(server.cancel(name('resp_1', keyId))).rejects.toMatchObject({ code: 'response_not_found' })
        await expect(server.remove(name('resp_1', keyId))).rejects.toMatchObject({ code: 'response_not_found' })
        await expect(server.history('resp_1', keyId)).rejects.toMatchObject({ code: 'previous_response_not_found' })
      }
    recording.end({ ...running, status: 'completed' })
    await recording.written()
    expect(await there.get(name())).toMatchObject({ status: 'completed', aliveUntilMs: null })
  })

  it('is followed from both, to its end', async () => {
    const recording = await begun()
    say(recording)
    const [near, far]: number[][] = [[], []]
    const reading = Promise.all([
      readAll(here, -1, (read) => near?.push(...read)),
      readAll(there, -1, (read) => far?.push(...read)),
    ])
    await pass(10)
    expect(near).toEqual([0])
    expect(far).toEqual([])
    say(recording)
    await pass(200)
    await eventually('the other server has it', async () => {
      await pass(1_000)
      return far?.length === 2
    })
    say(recording)
    recording.end({ ...running, status: 'completed' })
    await eventually('both are over', async () => {
      await pass(1_000)
      return near?.length === 3 && far?.length === 3
    })
    await reading
    expect(await here.get(name())).toMatchObject({ status: 'completed' })
  })

  it('is cancelled from the other', async () => {
    const recording = await begun()
    let isTaken = false
    recording.onTaken(() => {
      isTaken = true
    })
    say(recording)
    await pass(200)
    await recording.written()
    expect(await there.cancel(name())).toMatchObject({ status: 'cancelled', output: { status: 'cancelled' } })
    say(recording)
    await pass(200)
    await eventually('its maker knows', async () => isTaken)
    recording.end({ ...running, status: 'completed' })
    await recording.written()
    expect(await here.get(name())).toMatchObject({ status: 'cancelled' })
    const texts = (await store.events('resp_1', -1, 10)).map(({ text }) => text)
    expect(texts.at(-1)).toContain('response_cancelled')
  })

  it('is deleted from the other, and not written again', async () => {
    const recording = await begun()
    await there.remove(name())
    await here.tend()
    recording.end({ ...running, status: 'completed' })
    await recording.written()
    await expect(here.get(name())).rejects.toMatchObject({ code: 'response_not_found' })
    expect(here.inBackground()).toBe(0)
  })

  it('is held by signs of life, and has failed without them', async () => {
    const recording = await begun()
    say(recording)
    await pass(200)
    await recording.written()
    for (let minute = 0; minute < 3; minute++) {
      await pass(50_000)
      await here.tend()
    }
    expect(await there.get(name())).toMatchObject({ status: 'in_progress' })
    await pass(61_000)
    expect(await there.get(name())).toMatchObject({
      ...{ status: 'failed', aliveUntilMs: null },
      output: { status: 'failed', error: { code: 'server_error' } },
    })
    expect((await store.events('resp_1', -1, 10)).at(-1)?.text).toContain('server_error')
    expect(recording.isOver()).toBe(false)
    await here.tend()
    expect(recording.isOver()).toBe(true)
  })

  it('is ended by whoever looks after them, when nobody asks for it', async () => {
    await begun()
    await pass(61_000)
    await there.tend()
    expect(await store.get(name())).toMatchObject({ status: 'failed' })
  })
})

describe('keeping', () => {
  it('goes on when the store is away for a moment', async () => {
    let isAway = true
    const flaky = serverOn({
      ...store,
      add: async (object) => {
        if (isAway) throw new Error('away')
        return store.add(object)
      },
    })
    const recording = flaky.record(beginning)
    recording.end({ ...running, status: 'completed' })
    await pass(500)
    expect((await flaky.get(name())).status).toBe('completed')
    isAway = false
    await pass(1_000)
    await recording.written()
    expect(await store.get(name())).toMatchObject({ status: 'completed' })
    expect(errors).toEqual([])
  })

  it('gives up, and says so, when the store stays away', async () => {
    const broken = serverOn({ ...store, add: async () => Promise.reject(new Error('away')) })
    const recording = broken.record(beginning)
    recording.end({ ...running, status: 'completed' })
    for (const ms of [500, 1_000, 2_000]) await pass(ms)
    await recording.written()
    expect(errors).toHaveLength(1)
    await expect(broken.get(name())).rejects.toMatchObject({ code: 'response_not_found' })
  })

  it('lets go of the events of a stream that is too large, and keeps the response', async () => {
    const recording = await begun()
    const large = 'x'.repeat(5 * 1024 * 1024)
    for (let count = 0; count < 5; count++) say(recording, large)
    expect(recording.keepsEvents()).toBe(false)
    await expect(here.events(await here.get(name()), -1, new AbortController().signal)).rejects.toMatchObject({
      details: { param: 'stream' },
    })
    breakOff(recording, { code: 'x', message: 'y' })
    await recording.written()
    expect(await store.lastSequence('resp_1')).toBe(-1)
    expect(await there.get(name())).toMatchObject({ status: 'failed' })
  })

  it('refuses to continue what is larger than it may be', async () => {
    const recording = await begun({ input: [{ content: 'x'.repeat(2_000) }] })
    recording.end({ ...running, status: 'completed' })
    const small = serverOn(store, 1_000)
    await recording.written()
    await expect(small.history('resp_1', 'key_1')).rejects.toMatchObject({
      ...{ code: 'invalid_request', message: expect.stringContaining('larger than') },
      details: { param: 'previous_response_id' },
    })
    expect(await here.history('resp_1', 'key_1')).toMatchObject({ threadId: 'kept_1' })
  })

  it('deletes what is older than the setting says', async () => {
    const recording = await begun()
    recording.end({ ...running, status: 'completed' })
    await recording.written()
    settings = { ...settings, keepResponseDays: 1 }
    await here.prune()
    expect(await store.get(name())).not.toBeNull()
    clock.advance(25 * 60 * 60_000)
    await here.prune()
    expect(await store.get(name())).toBeNull()
  })
})
