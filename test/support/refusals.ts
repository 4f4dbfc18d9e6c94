import { expect } from 'vitest'
import type { Rig } from './start.ts'

/** What every refusal has to look like, and what it says. */
export type Refusal = { status: number; code: string; message: string; fields: string[] }

/** The path is answered in the management API's envelope; every other path in OpenAI's. */
function isDashboard(path: string): boolean {
  return path.startsWith('/api/') && !path.startsWith('/api/codex/')
}

/** Checks that an answer is a 4xx in the shape that a client of this path expects, with a request id and a message. */
export function refusalIn(path: string, answer: { status: number; headers: Headers }, text: string): Refusal {
  const { status, headers } = answer
  const what = `${path} was answered ${status}: ${text.slice(0, 300)}`
  expect(status, what).toBeGreaterThanOrEqual(400)
  expect(status, what).toBeLessThan(500)
  expect(headers.get('x-request-id'), what).toMatch(/^[\w.:~-]{1,128}$/)
  expect(headers.get('content-type'), what).toContain('application/json')
  const { error } = JSON.parse(text)
  expect(error, what).toEqual(
    expect.objectContaining({ code: expect.stringMatching(/^[a-z_]+$/), message: expect.any(String) }),
  )
  expect(error.message, what).toMatch(/\S+ \S+/)
  expect(error.message.length, what).toBeLessThan(1_000)
  if (isDashboard(path)) {
    expect(error.requestId, what).toBe(headers.get('x-request-id'))
    const fields = (error.details ?? []).map((detail: { path: string }) => detail.path)
    return { status, code: error.code, message: error.message, fields }
  }
  expect(error.type, what).toMatch(/^\w+$/)
  expect(error, what).toHaveProperty('param')
  return { status, code: error.code, message: error.message, fields: error.param === null ? [] : [error.param] }
}

/** What a refused request must leave as it was. */
export async function stateOf(rig: Rig): Promise<object> {
  const { accounts } = (await (await fetch(`${rig.url}/api/accounts`)).json()) as {
    accounts: Record<string, unknown>[]
  }
  return accounts.map(({ accountId, status, statusReason, blocked, inFlight }) => ({
    ...{ accountId, status, statusReason, blocked, inFlight },
  }))
}

/** How many turns have reached the upstream. */
export function turnsSeen(rig: Rig): number {
  return rig.simulator.requests.filter(({ path }) => path.includes('/responses')).length
}
