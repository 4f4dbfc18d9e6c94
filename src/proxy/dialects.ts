import type { Ask } from '../domain/request.ts'
import type { Exchange } from './exchange.ts'
import { codexShape, publicShape } from './shapes.ts'

type Json = Record<string, unknown>

const inOpenAiWords = { failure: (failure: Parameters<Exchange['failure']>[0]) => failure }

/** Codex: always a stream, the very bytes. It counts data events as life, not comments. */
export function nativeExchange(): Exchange {
  return {
    ...inOpenAiWords,
    streams: true,
    createShape: codexShape,
    keepAlive: 'event: codex.keepalive\ndata: {"type":"codex.keepalive"}\n\n',
    passesBytes: true,
    objectOf: (response) => response,
  }
}

/** The public Responses API. */
export function publicExchange({ stream }: Pick<Ask, 'stream'>): Exchange {
  return {
    ...inOpenAiWords,
    streams: stream,
    createShape: publicShape,
    keepAlive: ': keepalive\n\n',
    passesBytes: false,
    objectOf: (response) => response,
  }
}

/** A compaction: one object with only the item that stands for the history, in the shape that its clients know. */
export function compactionExchange(ask: Ask): Exchange {
  return { ...publicExchange(ask), streams: false, objectOf: compacted }
}

function compacted(response: Json): Json {
  const output: unknown[] = Array.isArray(response.output) ? response.output : []
  const { id, status, usage, service_tier } = response
  return { object: 'response.compaction', id, status, output: output.filter(isCompaction), usage, service_tier }
}

function isCompaction(item: unknown): boolean {
  const type = typeof item === 'object' && item !== null && 'type' in item ? item.type : null
  return type === 'compaction' || type === 'compaction_summary'
}
