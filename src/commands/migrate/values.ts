import type { Row } from './reference-database.ts'

/** Readers of single columns, each null where the column is missing, empty or of another kind. */
export function text(row: Row, column: string): string | null {
  const value = row[column]
  return typeof value === 'string' && value !== '' ? value : null
}

export function number(row: Row, column: string): number | null {
  const value = row[column]
  return typeof value === 'number' && Number.isFinite(value) ? value : null
}

/** SQLite keeps a truth as 0 or 1. */
export function truth(row: Row, column: string): boolean {
  return row[column] === 1 || row[column] === true
}

/** Times stand as text in UTC, without saying so. Epoch ms. */
export function time(row: Row, column: string): number | null {
  const value = text(row, column)
  if (value === null) return null
  const iso = value.replace(' ', 'T')
  const atMs = Date.parse(/(Z|[+-]\d\d:?\d\d)$/.test(iso) ? iso : `${iso}Z`)
  return Number.isNaN(atMs) ? null : atMs
}

/** A list of texts that is kept as JSON; null where there is none. */
export function texts(row: Row, column: string): string[] | null {
  const value = text(row, column)
  if (value === null) return null
  try {
    const list: unknown = JSON.parse(value)
    return Array.isArray(list) ? list.filter((one) => typeof one === 'string') : null
  } catch {
    return null
  }
}
