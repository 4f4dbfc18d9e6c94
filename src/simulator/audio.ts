import type { SimulatedAccount } from './accounts.ts'
import { turnedAway } from './edge.ts'
import { type Exchange, jsonAnswer, send, suffer } from './http.ts'
import { detailAnswer } from './refusals.ts'
import type { World } from './world.ts'

/** `POST /transcribe`: tells of the recording instead of hearing it. */
export async function answerTranscription(exchange: Exchange, account: SimulatedAccount, world: World): Promise<void> {
  const { request, response, bytes, record } = exchange
  if (turnedAway(exchange)) return
  const effect = world.faults.take(account, 'transcribe', { model: '', nowMs: world.clock.now() })
  if (await suffer(exchange, effect, world.clock)) return
  const form = await formOf(bytes, request.headers['content-type'])
  const file = form?.get('file')
  if (!form || !(file instanceof File)) return send(response, detailAnswer(422, 'A file is required'))
  const fields = [...form.keys()].filter((name) => name !== 'file')
  record.body = Object.fromEntries(fields.map((name) => [name, form.get(name)]))
  const unknown = fields.find((name) => name !== 'prompt')
  if (unknown !== undefined) return send(response, detailAnswer(422, `Unexpected field: ${unknown}`))
  const prompt = form.get('prompt')
  const about = typeof prompt === 'string' ? ` You said before: ${prompt}` : ''
  send(response, jsonAnswer(200, { text: `${file.size} bytes of ${file.type} in ${file.name}.${about}` }))
}

async function formOf(bytes: Buffer, type: string | undefined): Promise<FormData | null> {
  try {
    return await new Response(new Uint8Array(bytes), { headers: { 'content-type': type ?? '' } }).formData()
  } catch {
    // No form, or a broken one.
    return null
  }
}
