import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'vitest'
import { eventually } from './import-client.ts'
import type { Rig } from './start.ts'
import type { Untyped } from './untyped.ts'
import { type Asked, ask } from './visitor.ts'

/** A port that nobody listens on at this moment. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

export type SignIns = ReturnType<typeof signInsOf>

/** A person who signs accounts in: the API on one side, a browser at the sign-in server on the other. */
export function signInsOf(rig: Rig) {
  const path = '/api/sign-ins'
  const one = (id: string): Promise<Asked> => ask(rig.url, 'GET', `${path}/${id}`)
  return {
    start: (body: object): Promise<Asked> => ask(rig.url, 'POST', path, body),
    async begin(body: object): Promise<Untyped> {
      const answer = await ask(rig.url, 'POST', path, body)
      expect(answer.status, answer.text).toBe(201)
      return answer.body
    },
    list: async (): Promise<Untyped> => (await ask(rig.url, 'GET', path)).body,
    one,
    paste: (id: string, callbackUrl: unknown): Promise<Asked> =>
      ask(rig.url, 'POST', `${path}/${id}/callback`, { callbackUrl }),
    cancel: (id: string): Promise<Asked> => ask(rig.url, 'DELETE', `${path}/${id}`),
    /** Where the browser ends after the person has signed in. */
    async browse(flow: Untyped): Promise<string> {
      const answer = await fetch(flow.authorizationUrl, { redirect: 'manual' })
      expect(answer.status).toBe(302)
      return answer.headers.get('location') ?? ''
    },
    async until(id: string, status: string): Promise<Untyped> {
      await eventually(`the sign-in was ${status}`, async () => (await one(id)).body.status === status)
      return (await one(id)).body
    },
  }
}
