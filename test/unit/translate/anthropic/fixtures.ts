import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import Anthropic from '@anthropic-ai/sdk'
import { normalizeRequest } from '../../../../src/proxy/normalize.ts'
import { createAccount } from '../../../../src/simulator/accounts.ts'
import { refusalOf } from '../../../../src/simulator/validation.ts'
import type { MessageOptions } from '../../../../src/translate/anthropic/flow.ts'
import { createMessagesStream } from '../../../../src/translate/anthropic/stream.ts'
import type { Json } from '../../../../src/translate/json.ts'
import { nowMs } from '../../../support/accounts.ts'

const folder = join(import.meta.dirname, '../../../fixtures/translate/anthropic')

type StreamFixture = {
  options: Omit<MessageOptions, 'id' | 'toolNames'> & { toolNames: [string, string][] }
  events: Json[]
}

export function fixtureText(path: string): string {
  return readFileSync(join(folder, path), 'utf8')
}

/** The names of the fixtures in a folder that end in `.json` and have one part only. */
export function fixtureNames(of: 'requests' | 'streams'): string[] {
  const names = readdirSync(join(folder, of)).filter((name) => /^[a-z-]+\.json$/.test(name))
  return names.map((name) => name.replace('.json', ''))
}

export function streamFixture(name: string): { options: MessageOptions; events: Json[] } {
  // The files beside this one have this shape.
  const { options, events } = JSON.parse(fixtureText(`streams/${name}.json`)) as StreamFixture
  return { options: { ...options, id: 'msg_01Test', toolNames: new Map(options.toolNames) }, events }
}

export function optionsOf(own: Partial<MessageOptions> = {}): MessageOptions {
  return {
    id: 'msg_01Test',
    inputTokens: 10,
    model: 'claude-opus-4-8',
    thinking: 'none',
    stopSequences: [],
    toolNames: new Map(),
    ...own,
  }
}

/** Says how the upstream would refuse a translated request, and null when it would take it. */
export function upstreamRefusal(request: Json): unknown {
  const account = createAccount({ email: 'ann@example.com', plan: 'plus' }, {}, nowMs)
  return refusalOf({ ...normalizeRequest(request), model: 'gpt-5.5' }, account)
}

/** The whole text of a stream, its end included. */
export function streamText(events: readonly Json[], options: MessageOptions): string {
  const stream = createMessagesStream(options)
  return events.map(stream.event).join('') + stream.end()
}

/** The data of the events in a stream's text. */
export function eventsIn(text: string): Json[] {
  return text
    .split('\n\n')
    .filter((one) => one !== '')
    .map((one) => JSON.parse(one.slice(one.indexOf('data: ') + 6)))
}

/** A real client whose every request gets this answer. */
export function clientFor(answer: () => Response, maxRetries = 0): { client: Anthropic; calls: () => number } {
  let calls = 0
  const fetch = async () => {
    calls++
    return answer()
  }
  return { client: new Anthropic({ apiKey: 'sk-test', maxRetries, fetch }), calls: () => calls }
}

/** What the real client makes of a stream's text. */
export async function readBySdk(text: string): Promise<Anthropic.Message> {
  const headers = { 'content-type': 'text/event-stream' }
  const { client } = clientFor(() => new Response(text, { headers }))
  const messages = [{ role: 'user' as const, content: 'Hi' }]
  return await client.messages.stream({ model: 'claude-opus-4-8', max_tokens: 100, messages }).finalMessage()
}
