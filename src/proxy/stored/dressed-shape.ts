import { breakOff } from '../../stored/break-off.ts'
import { clientLeft, eventText, failedOutput, type Reason } from '../../stored/endings.ts'
import { isObject, shownItem, shownResponse } from '../../stored/items.ts'
import type { Recording } from '../../stored/recording.ts'
import { collectResponse, type PublicEvent, parseObject, textOfEvent } from '../events.ts'
import type { Shape } from '../relay.ts'

type Json = Record<string, unknown>

/** What our client sees otherwise than the upstream says it. */
export type Dress = {
  /** Put over each response object. */
  fields: Json
  /** What of sealed content the client has asked for. */
  include: ReadonlySet<string>
  /** Null: the response is not kept. */
  recording: Recording | null
  signal: AbortSignal
}

/** The public stream of a response that is kept, or that continues one: our fields in its objects, our numbers on its events. */
export function dressedShape({ fields, include, recording, signal }: Dress): Shape {
  const items = new Map<number, unknown>()
  // One that runs in the background has announced itself before the upstream was asked.
  const isAnnounced = recording?.object() != null
  let response: Json = recording?.object()?.output ?? {}
  let ready = ''

  const say = (type: string, event: Json) => {
    if (recording === null) return eventText(type, event)
    return recording.event((sequence) => eventText(type, { ...event, sequence_number: sequence }))
  }
  const take = () => {
    const text = ready
    ready = ''
    return text === '' ? null : text
  }
  const gathered = (): Json => {
    const output = [...items].toSorted(([a], [b]) => a - b).map(([, item]) => item)
    return output.length === 0 ? response : { ...response, output }
  }
  /** What the event says of the response, before it goes out. */
  const note = (type: string, event: Json) => {
    if (isObject(event.response)) response = { ...event.response, ...fields }
    if (type === 'response.output_item.done') items.set(Number(event.output_index ?? items.size), event.item)
    if (!isObject(event.response) && !type.startsWith('response.output_item.')) return
    if (recording?.object()) recording.progress({ ...gathered(), status: 'in_progress' })
    else if (typeof response.id === 'string') recording?.begin({ ...response, status: 'in_progress' })
  }
  const shown = (event: Json): Json => {
    if (isObject(event.response)) return { ...event, response: shownResponse(response, include) }
    return isObject(event.item) ? { ...event, item: shownItem(event.item, include) } : event
  }
  const onEvent = (given: PublicEvent) => {
    // What was cancelled says no more. What was only deleted goes on for the client who waits for it.
    if (isAnnounced && recording?.isOver()) return
    const event = parseObject(given.data)
    const { type } = given
    // What nobody can read is passed on as it came.
    if (event === null) ready += recording?.event(() => textOfEvent(given)) ?? textOfEvent(given)
    else {
      note(type, event)
      if (isAnnounced && type === 'response.created') return
      ready += say(type, shown(event))
      if (isLast(type)) recording?.end(response)
      if (type === 'error') recording?.end(failedOutput(gathered(), reasonIn(event)))
    }
  }
  const collector = collectResponse(onEvent)
  return {
    chunk(chunk) {
      collector.push(chunk)
      return take()
    },
    rest() {
      collector.finish()
      return take()
    },
    broken(code, message) {
      const reason = reasonOf(signal) ?? { code, message }
      if (isAnnounced && recording?.isOver()) return null
      if (recording === null || recording.isOver())
        return eventText('error', { type: 'error', ...reason, param: null, sequence_number: 0 })
      return breakOff(recording, reason, reason === clientLeft ? 'cancelled' : 'failed')
    },
  }
}

function isLast(type: string): boolean {
  return type === 'response.completed' || type === 'response.incomplete' || type === 'response.failed'
}

function reasonIn(event: Json): Reason {
  const { code, message } = isObject(event.error) ? event.error : event
  return { code: String(code ?? 'server_error'), message: String(message ?? 'The upstream failed.') }
}

/** Why a turn was ended from outside; null: it was not. */
export function reasonOf(signal: AbortSignal): Reason | null {
  if (!signal.aborted) return null
  const why = signal.reason instanceof Error ? signal.reason.message : ''
  if (why === 'client_disconnected') return clientLeft
  if (why === 'shutting_down')
    return { code: 'shutting_down', message: 'The server was stopped while this response was being made; ask again.' }
  if (why === 'turn_too_long') return { code: why, message: 'The response took longer than a turn may take.' }
  return null
}
