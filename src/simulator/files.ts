import { randomBytes } from 'node:crypto'
import type { SimulatedAccount } from './accounts.ts'
import { turnedAway } from './edge.ts'
import { type Exchange, jsonAnswer, send, suffer } from './http.ts'
import type { JsonObject } from './json.ts'
import { detailAnswer, errorAnswer } from './refusals.ts'
import type { World } from './world.ts'

const maxFileBytes = 536_870_912

/** `POST /files`: a file to come, and where its bytes are to go. */
export async function answerRegistration(exchange: Exchange, account: SimulatedAccount, world: World): Promise<void> {
  const { body, request, response } = exchange
  if (turnedAway(exchange, 'accept')) return
  const effect = world.faults.take(account, 'files', { model: '', nowMs: world.clock.now() })
  if (await suffer(exchange, effect, world.clock)) return
  const fault = faultOf(body)
  if (fault !== null) return send(response, errorAnswer(422, { code: 'invalid_request', message: fault }))
  const id = `file_${account.tag}${randomBytes(10).toString('hex')}`
  account.files.set(id, { name: String(body?.file_name), bytes: null, asked: 0 })
  send(
    response,
    jsonAnswer(200, { file_id: id, upload_url: `http://${request.headers.host}/upload/${id}?sig=simulated` }),
  )
}

function faultOf(body: JsonObject | null): string | null {
  const { file_name: name, file_size: size, use_case: use } = body ?? {}
  if (typeof name !== 'string' || name === '') return 'file_name is required'
  if (typeof size !== 'number' || size < 1 || size > maxFileBytes) return 'file_size is out of range'
  return typeof use === 'string' ? null : 'use_case is required'
}

/** `PUT /upload/{id}`: the bytes. Whoever has the address may send them. False for another path. */
export function tookUpload({ request, response, url, bytes }: Exchange, { accounts }: World): boolean {
  const id = /^\/upload\/(\w+)$/.exec(url.pathname)?.[1]
  if (request.method !== 'PUT' || id === undefined) return false
  const file = accounts.map((account) => account.files.get(id)).find((found) => found !== undefined)
  if (file) file.bytes = bytes.length
  send(response, file ? { status: 201, headers: {}, body: '' } : detailAnswer(404, 'The resource does not exist.'))
  return true
}

/** `POST /files/{id}/uploaded`: not ready at the first time of asking. */
export async function answerUploaded(exchange: Exchange, account: SimulatedAccount, world: World): Promise<void> {
  const { request, response, url } = exchange
  if (turnedAway(exchange, 'accept')) return
  const effect = world.faults.take(account, 'files', { model: '', nowMs: world.clock.now() })
  if (await suffer(exchange, effect, world.clock)) return
  const id = url.pathname.split('/').at(-2) ?? ''
  const file = account.files.get(id)
  if (!file) return send(response, errorAnswer(404, { code: 'file_not_found', message: 'File not found' }))
  if (file.bytes === null) {
    return send(response, jsonAnswer(200, { status: 'failed', error_message: 'Nothing was uploaded.' }))
  }
  if (file.asked++ === 0) return send(response, jsonAnswer(200, { status: 'retry' }))
  const download_url = `http://${request.headers.host}/download/${id}?sig=simulated`
  const done = { status: 'success', download_url, file_name: file.name, mime_type: 'application/octet-stream' }
  send(response, jsonAnswer(200, { ...done, file_size_bytes: file.bytes }))
}
