import type { Served } from './product.ts'

type Row = readonly [client: string, turn: string, sent: string, request: string, account: string, before: string]

/** Collects which account served which request of which test, to be printed at the end. */
export function createServedTable() {
  const rows: Row[] = [['client', 'test', 'Codex sent', 'request', 'answered by', 'tried before']]
  return {
    add(client: string, test: string, sent: string, served: readonly Served[]): void {
      for (const [index, { by, tries, status, errorCode }] of served.entries()) {
        const isServed = status === 'success'
        const before = tries
          .slice(0, isServed ? -1 : undefined)
          .map((tried) => `${shortName(tried.by)}: ${tried.verdict}`)
        const answer = isServed && by !== null ? shortName(by) : `nobody (${errorCode ?? status})`
        const [name, asked] = index === 0 ? [test, sent] : ['', '']
        rows.push([client, name, asked, String(index + 1), answer, before.join(', ')])
      }
    },
    text(): string {
      const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? []
      const line = (row: Row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')
      return rows.map((row) => line(row).trimEnd()).join('\n')
    },
  }
}

function shortName(email: string): string {
  return email.replace(/@.*/, '')
}
