import { describe, expect, it } from 'vitest'
import { dressedShape } from '../../../src/proxy/stored/dressed-shape.ts'
import { createRecording, type Recording } from '../../../src/stored/recording.ts'
import { createManualClock } from '../../support/clock.ts'
import { eventsIn } from '../../support/simulator-client.ts'

const response = {
  id: 'resp_up',
  status: 'in_progress',
  store: false,
  output: [] as unknown[],
  previous_response_id: null,
}
const item = { type: 'reasoning', id: 'rs_1', encrypted_content: 'gAAAA' }
const message = { type: 'message', id: 'msg_1', content: [] }
const events = [
  { type: 'codex.rate_limits', plan_type: 'plus' },
  { type: 'response.created', response },
  { type: 'response.in_progress', response },
  { type: 'response.output_item.done', output_index: 0, item },
  { type: 'response.output_text.delta', delta: 'Grüße 🙂' },
  { type: 'response.output_item.done', output_index: 1, item: message },
  { type: 'response.completed', response: { ...response, status: 'completed' } },
]
const bytes = (list: readonly object[]) =>
  Buffer.from(
    list
      .map(
        (event, at) =>
          `event: ${'type' in event && event.type}\ndata: ${JSON.stringify({ ...event, sequence_number: at * 10 })}\n\n`,
      )
      .join(''),
  )

function recorded(background = false): Recording {
  const beginning = {
    ...{
      kind: 'response' as const,
      keyId: null,
      background,
      model: 'm',
      previousId: null,
      threadId: 't',
      input: [],
      metadata: {},
    },
  }
  const store = {
    add: async () => true,
    change: async () => true,
    addEvents: async () => true,
    removeEvents: async () => {},
  }
  return createRecording(beginning, {
    ...{ store, clock: createManualClock(), silenceMs: 1, onError: () => {}, opened: () => {}, closed: () => {} },
  })
}

function shaped(
  list: readonly object[],
  given: {
    recording?: Recording | null
    fields?: object
    include?: string[]
    cutAt?: number
    signal?: AbortSignal
  } = {},
) {
  const {
    recording = recorded(),
    fields = { store: true },
    include = [],
    signal = new AbortController().signal,
  } = given
  const shape = dressedShape({ fields: { ...fields }, include: new Set(include), recording, signal })
  const all = bytes(list)
  const cutAt = given.cutAt ?? all.length
  const parts = [shape.chunk(all.subarray(0, cutAt)), shape.chunk(all.subarray(cutAt)), shape.rest()]
  return { shape, recording, text: parts.map((part) => part ?? '').join('') }
}

describe('the stream of a kept response', () => {
  it('has our numbers, our fields, and no sealed content that was not asked for', () => {
    const { text, recording } = shaped(events, { fields: { store: true, previous_response_id: 'resp_0' } })
    const seen = eventsIn(text)
    expect(seen.map(({ type }) => type)).toEqual(events.slice(1).map(({ type }) => type))
    expect(seen.map((event) => event.sequence_number)).toEqual([0, 1, 2, 3, 4, 5])
    for (const { response: one } of seen)
      if (one) expect(one).toMatchObject({ store: true, previous_response_id: 'resp_0' })
    expect(text).not.toContain('gAAAA')
    expect(recording?.object()).toMatchObject({
      id: 'resp_up',
      status: 'completed',
      output: { output: [item, message] },
    })
    expect(
      recording
        ?.waiting(-1)
        ?.map((event) => event.text)
        .join(''),
    ).toBe(text)
  })

  it('shows sealed content that was asked for', () => {
    const { text } = shaped(events, { include: ['reasoning.encrypted_content'] })
    expect(text.match(/gAAAA/g)).toHaveLength(2)
  })

  it('is the same wherever the bytes are cut', () => {
    const whole = shaped(events).text
    for (let cutAt = 0; cutAt <= bytes(events).length; cutAt++) expect(shaped(events, { cutAt }).text).toBe(whole)
  })

  it('keeps the upstream’s numbers where nothing is kept', () => {
    const { text } = shaped(events, { recording: null, fields: { store: false } })
    expect(eventsIn(text).map((event) => event.sequence_number)).toEqual([10, 20, 30, 40, 50, 60])
  })

  it('begins anew for what runs in the background, under our id', () => {
    const recording = recorded(true)
    recording.begin({ id: 'resp_ours', status: 'queued' })
    const seen = eventsIn(shaped(events, { recording, fields: { id: 'resp_ours' } }).text)
    expect(seen[0]).toMatchObject({ type: 'response.in_progress', sequence_number: 0, response: { id: 'resp_ours' } })
    expect(recording.object()).toMatchObject({ id: 'resp_ours', status: 'completed' })
  })

  it.each([
    ['at the top', { type: 'error', code: 'too_bad', message: 'Too bad.' }],
    ['inside', { type: 'error', error: { code: 'too_bad', message: 'Too bad.' } }],
  ])('fails with an error event whose reason is %s', (_, error) => {
    const { recording } = shaped([...events.slice(0, 4), error])
    const { output, status } = recording?.object() ?? {}
    expect(status).toBe('failed')
    expect(output).toMatchObject({ error: { code: 'too_bad', message: 'Too bad.' }, output: [item] })
  })

  it('passes on what nobody can read', () => {
    const recording = recorded()
    const shape = dressedShape({ fields: {}, include: new Set(), recording, signal: new AbortController().signal })
    expect(shape.chunk(Buffer.from('event: odd\ndata: not json\n\n'))).toBe('event: odd\ndata: not json\n\n')
  })

  it.each([
    ['the upstream', null, 'failed', 'stream_incomplete'],
    ['the client', 'client_disconnected', 'cancelled', 'client_disconnected'],
    ['the server', 'shutting_down', 'failed', 'shutting_down'],
    ['its length', 'turn_too_long', 'failed', 'turn_too_long'],
  ])('ends with an event of its own when %s ended it', (_, why, status, code) => {
    const ending = new AbortController()
    const { shape, recording } = shaped(events.slice(0, 4), { signal: ending.signal })
    if (why !== null) ending.abort(new Error(why))
    const last = eventsIn(shape.broken('stream_incomplete', 'Over.', true) ?? '')
    expect(last).toMatchObject([{ type: 'error', code, sequence_number: 3 }])
    expect(recording?.object()).toMatchObject({ status, output: { output: [item] } })
  })

  it('says nothing more after it was cancelled', () => {
    const recording = recorded(true)
    recording.begin({ id: 'resp_ours', status: 'queued' })
    recording.end({ id: 'resp_ours', status: 'cancelled' })
    const { shape, text } = shaped(events, { recording })
    expect([text, shape.broken('stream_incomplete', 'Over.', true)]).toEqual(['', null])
    expect(recording.object()?.status).toBe('cancelled')
  })

  it('ends with an error where nothing is kept', () => {
    const { shape } = shaped(events.slice(0, 3), { recording: null })
    expect(eventsIn(shape.broken('x', 'Over.', true) ?? '')).toMatchObject([{ type: 'error', code: 'x' }])
  })
})
