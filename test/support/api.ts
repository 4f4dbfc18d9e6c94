import type { Untyped } from './untyped.ts'

/** Calls the management API; the answer as it came. */
export type Api = (method: string, path: string, body?: unknown) => Promise<{ status: number; body: Untyped }>

export function apiOf(at: { url: string }): Api {
  return async (method, path, body) => {
    const answer = await fetch(at.url + path, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    })
    const text = await answer.text()
    return { status: answer.status, body: text === '' ? null : (JSON.parse(text) as Untyped) }
  }
}
