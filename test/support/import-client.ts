import { setTimeout as wait } from 'node:timers/promises'
import type { Untyped } from './untyped.ts'

/** One part of an upload: the field, the file's name (null: a plain field) and its content. */
export type Part = { field?: string; name?: string | null; content: unknown }

export type ImportSeen = { status: number; body: Untyped; requestId: string | null }

/** Uploads files the way a browser or curl does. */
export async function upload(url: string, ...parts: Part[]): Promise<ImportSeen> {
  const form = new FormData()
  for (const { field = 'auth_json', name = 'auth.json', content } of parts) {
    const text = typeof content === 'string' ? content : JSON.stringify(content)
    if (name === null) form.append(field, text)
    else form.append(field, new Blob([text]), name)
  }
  const answer = await fetch(`${url}/api/accounts/import`, { method: 'POST', body: form })
  return { status: answer.status, body: await answer.json(), requestId: answer.headers.get('x-request-id') }
}

/** Waits until the condition holds, asking again all the time. @throws Error after ten seconds */
export async function eventually(what: string, condition: () => Promise<boolean>): Promise<void> {
  const deadlineMs = Date.now() + 10_000
  while (!(await condition())) {
    if (Date.now() > deadlineMs) throw new Error(`It never happened that ${what}.`)
    await wait(25)
  }
}
