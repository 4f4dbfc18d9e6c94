import { useState } from 'react'

export type RowOf<Cells> = Cells & { id: number }

type Rows<Cells> = {
  rows: readonly RowOf<Cells>[]
  add(cells: Cells): void
  edit(id: number, changed: Partial<Cells>): void
  remove(id: number): void
}

/** Rows that are edited in place. They are kept as they are typed, also while two of them have the same name or none. */
export function useRows<Cells extends object>(
  begin: () => readonly Cells[],
  onChange: (rows: readonly RowOf<Cells>[]) => void,
): Rows<Cells> {
  const [rows, setRows] = useState<readonly RowOf<Cells>[]>(() => begin().map((cells, id) => ({ ...cells, id })))
  const change = (next: readonly RowOf<Cells>[]) => {
    setRows(next)
    onChange(next)
  }
  return {
    rows,
    add: (cells) => change([...rows, { ...cells, id: Math.max(-1, ...rows.map(({ id }) => id)) + 1 }]),
    edit: (id, changed) => change(rows.map((row) => (row.id === id ? { ...row, ...changed } : row))),
    remove: (id) => change(rows.filter((row) => row.id !== id)),
  }
}
