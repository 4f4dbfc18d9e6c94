import { AppError } from '../../errors.ts'

type Json = Record<string, unknown>

/** A part of a list in the shape of the public API. */
export function listOf(data: Json[], hasMore: boolean) {
  return {
    object: 'list',
    data,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: hasMore,
  }
}

/** What follows an item of a list that is in memory whole. @throws AppError when the item is not in it */
export function pageOf(
  items: Json[],
  { after, limit }: { after?: string | undefined; limit: number },
): { items: Json[]; hasMore: boolean } {
  const at = after === undefined ? -1 : items.findIndex(({ id }) => id === after)
  if (after !== undefined && at === -1) {
    const message = `There is no item ${after.slice(0, 200)} in the list.`
    throw new AppError('invalid_request', { message, param: 'after' })
  }
  return { items: items.slice(at + 1, at + 1 + limit), hasMore: items.length > at + 1 + limit }
}
