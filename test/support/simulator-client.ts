import { setImmediate as nextTick } from 'node:timers/promises'
import type { Simulator } from '../../src/simulator/upstream.ts'

export type SimulatedEvent = { type: string; [field: string]: unknown }

type AuthJson = { tokens: { id_token: string; access_token: string; refresh_token: string; account_id: string } }

/** The tokens the simulator issued last for an account. */
export function tokensOf(simulator: Simulator, email: string): AuthJson['tokens'] {
  // The simulator writes this shape.
  return (simulator.authJson(email) as AuthJson).tokens
}

/** A user message as an input item. */
export function userMessage(text: string): object {
  return { type: 'message', role: 'user', content: [{ type: 'input_text', text }] }
}

/** A body the upstream takes; `changes` replace fields. */
export function turnBody(text: string, changes: object = {}): object {
  return { model: 'gpt-5.5', instructions: '', input: [userMessage(text)], store: false, stream: true, ...changes }
}

/** Sends a turn straight to the simulator as the account would. */
export function postTurn(
  simulator: Simulator,
  email: string,
  body: object | string | Uint8Array<ArrayBuffer>,
  options: { headers?: Record<string, string>; signal?: AbortSignal } = {},
): Promise<Response> {
  const tokens = tokensOf(simulator, email)
  const headers = {
    'content-type': 'application/json',
    authorization: `Bearer ${tokens.access_token}`,
    'chatgpt-account-id': tokens.account_id,
    ...options.headers,
  }
  const sent = typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body)
  const signal = options.signal ?? AbortSignal.timeout(10_000)
  return fetch(`${simulator.baseUrl}/codex/responses`, { method: 'POST', headers, body: sent, signal })
}

/** A JSON answer, for tests to pick from as they like. */
export async function jsonOf(response: Response) {
  return JSON.parse(await response.text())
}

/** The events of a stream that has been read to its end. */
export function eventsIn(text: string): SimulatedEvent[] {
  return text
    .split(/\r?\n\r?\n/)
    .map((block) => /^data: (.*)$/m.exec(block.replaceAll('\r', ''))?.[1])
    .filter((data) => data !== undefined)
    .map((data): SimulatedEvent => JSON.parse(data))
}

/** Sends a turn that must be accepted and reads all its events. */
export async function turnEvents(simulator: Simulator, email: string, body: object): Promise<SimulatedEvent[]> {
  const response = await postTurn(simulator, email, body)
  const text = await response.text()
  if (response.status !== 200) throw new Error(`The turn was answered ${response.status}: ${text}`)
  return eventsIn(text)
}

/** Waits until the condition holds. @throws Error after five seconds */
export async function until(condition: () => boolean): Promise<void> {
  const deadlineMs = Date.now() + 5000
  while (!condition()) {
    if (Date.now() > deadlineMs) throw new Error(`Never came true: ${condition}`)
    await nextTick()
  }
}
