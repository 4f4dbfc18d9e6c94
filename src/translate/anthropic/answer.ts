import { createTracker } from '../chat/tracker.ts'
import { count, isObject, type Json, objectsOf, text } from '../json.ts'
import { createCall } from './answer-call.ts'
import { createReasoning } from './answer-reasoning.ts'
import { createSearch } from './answer-search.ts'
import { createTexts } from './answer-texts.ts'
import { type BlockStep, createLanes, type Lane } from './lanes.ts'
import type { Reply } from './request.ts'

/** Reads the events of a response as the blocks of a message, each whole before the next. */
export type AnswerReader = {
  event(event: Json): void
  /** What the response has and no event brought, and the end of every block. `isWhole`: nothing was cut off. */
  finish(response: Json, isWhole: boolean): void
  facts(): AnswerFacts
}

export type AnswerFacts = {
  hasCalls: boolean
  isRefused: boolean
  searchCount: number
  /** Why the answer cannot be given as a message. */
  fault: string | null
}

/** Reads one output item: its events while it grows, then the item as a whole. */
export type ItemReader = {
  event(event: Json): void
  done(item: Json): void
}

export type ItemParts = { lane: Lane; facts: AnswerFacts; reply: Reply; order: number }

type ItemState = { itemType: string | null; reader: ItemReader | null; lane: Lane | null; isDone: boolean }

export function createAnswerReader(reply: Reply, write: (step: BlockStep) => void): AnswerReader {
  const lanes = createLanes(write)
  const items = createTracker<ItemState>(() => ({ itemType: null, reader: null, lane: null, isDone: false }))
  const facts: AnswerFacts = { hasCalls: false, isRefused: false, searchCount: 0, fault: null }
  const opened: ItemState[] = []

  /** An item takes its place as soon as it is heard of, so that what comes behind it waits. */
  const readerOf = (state: ItemState, event: Json): ItemReader | null => {
    if (state.reader !== null) return state.reader
    state.itemType ??= isObject(event.item) ? text(event.item.type) : null
    const make = makerFor(state.itemType, event, reply)
    if (make === null) return null
    const order = count(event.output_index) ?? opened.length
    opened.push(state)
    state.lane = lanes.open(order)
    state.reader = make({ lane: state.lane, facts, reply, order })
    return state.reader
  }
  const done = (state: ItemState, event: Json, item: Json) => {
    if (state.isDone) return
    state.isDone = true
    readerOf(state, event)?.done(item)
    // A block that no client could read is the last one that is begun.
    if (facts.fault === null) state.lane?.close()
  }
  return {
    event(event) {
      if (!isAboutItem(event)) return
      const state = items.of(event)
      if (state.isDone) return
      if (event.type === 'response.output_item.done' && isObject(event.item)) done(state, event, event.item)
      else readerOf(state, event)?.event(event)
    },
    finish(response, isWhole) {
      for (const [index, item] of objectsOf(response.output).entries()) {
        const event = { type: 'response.output_item.done', output_index: index, item }
        done(items.of(event), event, item)
      }
      for (const state of opened) done(state, {}, isWhole ? {} : { status: 'incomplete' })
    },
    facts: () => facts,
  }
}

/** Events of other kinds tell nothing about an item, whatever they name. */
function isAboutItem({ type }: Json): boolean {
  return typeof type === 'string' && itemEvents.test(type)
}

const itemEvents =
  /^response\.(output_item|content_part|output_text|refusal|function_call_arguments|reasoning_summary_(part|text)|web_search_call)\./

/** Which reader an item needs shows in its type, or in the type of an event that came without the item. */
function makerFor(itemType: string | null, event: Json, reply: Reply): ((parts: ItemParts) => ItemReader) | null {
  const type = text(event.type) ?? ''
  const is = (item: string, events: RegExp) => itemType === item || (itemType === null && events.test(type))
  if (is('message', /^response\.(output_text|refusal)\./)) return createTexts
  if (is('function_call', /^response\.function_call_arguments\./)) return createCall
  if (is('reasoning', /^response\.reasoning_summary_/)) return reply.thinking === 'none' ? null : createReasoning
  return itemType === 'web_search_call' ? createSearch : null
}
