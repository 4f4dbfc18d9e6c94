import { AppError } from '../../errors.ts'
import { asInput, isObject } from '../../stored/items.ts'
import type { Stored } from '../../stored/stored.ts'
import { maxBodyBytes } from '../body.ts'
import { parseBody } from '../normalize.ts'

type Json = Record<string, unknown>

/**
 * A request whose items are all there. `input` is what to keep of it: items that were named keep their ids there, which
 * no account would know. `threadId` is the conversation that the last of them belongs to.
 */
export type Complete = { request: Buffer; input: unknown[]; threadId: string }

const mark = Buffer.from('item_reference')

/** Puts kept items in the place of their names. Null: the request names none. @throws AppError naming what is not kept */
export async function withItems(
  request: Buffer,
  keyId: string | null,
  stored: Pick<Stored, 'items'>,
): Promise<Complete | null> {
  // Nearly no request has any, and to read one only for that would cost as much as all the rest.
  if (!request.includes(mark)) return null
  const body = parseBody(request)
  const completed = await completedInput(body.input, keyId, stored)
  if (completed === null) return null
  const bytes = Buffer.from(JSON.stringify({ ...body, input: completed.sent }))
  if (bytes.length <= maxBodyBytes) return { request: bytes, input: completed.kept, threadId: completed.threadId }
  const message = `With the items that it names the request is larger than ${maxBodyBytes / 1024 / 1024} MiB.`
  throw new AppError('invalid_request', { message, param: 'input' })
}

/** The same for the input alone: as it is sent, and as it is kept. @throws AppError */
export async function completedInput(
  input: unknown,
  keyId: string | null,
  stored: Pick<Stored, 'items'>,
): Promise<{ sent: unknown[]; kept: unknown[]; threadId: string } | null> {
  if (!Array.isArray(input)) return null
  const named = new Map<number, string>()
  for (const [index, item] of input.entries()) if (isReference(item)) named.set(index, nameIn(item, index))
  if (named.size === 0) return null
  const items = await stored.items(new Set(named.values()), keyId)
  const sent: unknown[] = []
  const kept: unknown[] = []
  let threadId = ''
  for (const [index, item] of input.entries()) {
    const id = named.get(index)
    const found = id === undefined ? null : items.get(id)
    if (found === undefined) throw unkept(String(id), index)
    threadId = found?.threadId ?? threadId
    kept.push(found?.item ?? item)
    sent.push(...(found === null ? [item] : asInput(found.item)))
  }
  return { sent, kept, threadId }
}

function isReference(item: unknown): item is Json {
  return isObject(item) && item.type === 'item_reference'
}

/** @throws AppError */
function nameIn({ id }: Json, index: number): string {
  if (typeof id === 'string' && id !== '') return id
  const message = 'An item reference needs the "id" of an item.'
  throw new AppError('invalid_request', { message, param: `input[${index}].id` })
}

function unkept(id: string, index: number): AppError {
  const message = `Item "${id.slice(0, 200)}" is not kept here. Send the item itself ("store": false makes the Vercel AI SDK do so), or keep responses with "store": true.`
  return new AppError('invalid_request', { message, param: `input[${index}].id` })
}
