import { Readable } from 'node:stream'
import { type CastingContext, stringify } from 'csv-stringify'

type Cell = string | number | boolean | null

/**
 * A table as text, written as fast as it is read and no faster. A cell that a spreadsheet would take for a formula gets an
 * apostrophe before it; numbers are left as they are.
 */
export function csvOf(columns: readonly string[], rows: AsyncIterable<Cell[]> | Iterable<Cell[]>): Readable {
  const text = stringify({
    columns: [...columns],
    header: true,
    escape_formulas: true,
    record_delimiter: 'windows',
    // The library looks for its own line ends only.
    quoted_match: /[\r\n]/,
    cast: { boolean: (value: boolean, _context: CastingContext) => String(value) },
  })
  const source = Readable.from(rows)
  source.on('error', (error) => text.destroy(error))
  text.on('close', () => source.destroy())
  return source.pipe(text)
}
