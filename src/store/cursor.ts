import { z } from 'zod'
import { AppError } from '../errors.ts'

/** The last row of a page in a list that is ordered by a time and, within one millisecond, by a name. */
export type Place = { atMs: number; name: string }

/** PostgreSQL refuses a NUL. */
const Cursor = z.tuple([z.int(), z.string().refine((name) => !name.includes('\0'))])

export function writeCursor({ atMs, name }: Place): string {
  return Buffer.from(JSON.stringify([atMs, name])).toString('base64url')
}

/** @throws AppError invalid_request for a cursor that is not ours */
export function readCursor(cursor: string): Place {
  try {
    const [atMs, name] = Cursor.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')))
    return { atMs, name }
  } catch (error) {
    throw new AppError('invalid_request', { message: 'The cursor is not valid.', param: 'cursor' }, { cause: error })
  }
}
