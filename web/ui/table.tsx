import type { ReactNode } from 'react'

export type Column<Row> = {
  name: string
  /** What the column holds is plain without its name. */
  isNameHidden?: boolean
  /** Figures stand to the right. */
  isNumber?: boolean
  /** Left out where there is little room. */
  isExtra?: boolean
  /** Long texts end in dots; the whole is in the tooltip. */
  clip?: (row: Row) => string
  cell: (row: Row) => ReactNode
}

type TableProps<Row> = {
  label: string
  columns: readonly Column<Row>[]
  rows: readonly Row[]
  keyOf: (row: Row) => string
  /** Rows whose first link is the whole row. */
  isLink?: (row: Row) => boolean
}

/** A real table from columns as data. Where it is too wide, it scrolls by itself and the page does not. */
export function Table<Row>({ label, columns, rows, keyOf, isLink }: TableProps<Row>) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard.
    <section className="scroll" aria-label={label} tabIndex={0}>
      <table>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.name} scope="col" className={classOf(column)}>
                {column.isNameHidden ? <span className="hidden">{column.name}</span> : column.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)} className={isLink?.(row) ? 'link' : ''}>
              {columns.map((column) => (
                <td key={column.name} className={classOf(column)} title={column.clip?.(row)}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}

function classOf<Row>({ isNumber, isExtra, clip }: Column<Row>): string {
  return [isNumber && 'number', isExtra && 'wide', clip && 'clip'].filter(Boolean).join(' ')
}
