import type { StoredEvent, StoredObject } from '../domain/stored.ts'
import { Secret, type Vault } from '../lib/secrets.ts'
import type { Tables } from './schema.ts'

export type ObjectRow = Tables['responses']['$inferSelect']
export type ContentRow = Tables['responseContents']['$inferSelect']
type EventsRow = Tables['responseEvents']['$inferSelect']

/** Between stored objects and their rows: content is sealed, bound to the row and the column that it belongs to. */
export function createResponseRows(vault: Vault) {
  const seal = (id: string, column: string, text: string) => vault.seal(new Secret(text), `${id}:${column}`)
  const open = (id: string, column: string, sealed: string) => vault.open(sealed, `${id}:${column}`).reveal()
  const metadataOf = ({ id, metadata }: Pick<ObjectRow, 'id' | 'metadata'>): Record<string, string> =>
    JSON.parse(open(id, 'metadata', metadata))

  return {
    metadataOf,
    sealMetadata: (id: string, metadata: Record<string, string>) => seal(id, 'metadata', JSON.stringify(metadata)),
    sealOutput(id: string, output: StoredObject['output']) {
      const text = JSON.stringify(output)
      return { output: seal(id, 'output', text), outputBytes: Buffer.byteLength(text) }
    },
    rowsOf(object: StoredObject): { row: ObjectRow; content: ContentRow } {
      const { input, output, metadata, ...rest } = object
      const { id } = object
      const inputText = JSON.stringify(input)
      const sealed = this.sealOutput(id, output)
      return {
        row: {
          ...rest,
          model: storable(object.model),
          previousId: storable(object.previousId),
          createdAtMs: Math.round(object.createdAtMs),
          aliveUntilMs: whole(object.aliveUntilMs),
          inputBytes: Buffer.byteLength(inputText),
          outputBytes: sealed.outputBytes,
          metadata: this.sealMetadata(id, metadata),
        },
        content: { responseId: id, input: seal(id, 'input', inputText), output: sealed.output },
      }
    },
    objectOf(row: ObjectRow, content: ContentRow): StoredObject {
      const { inputBytes: _in, outputBytes: _out, ...rest } = row
      const { id } = row
      return {
        ...rest,
        metadata: metadataOf(row),
        input: JSON.parse(open(id, 'input', content.input)),
        output: JSON.parse(open(id, 'output', content.output)),
      }
    },
    sealEvents(id: string, events: readonly StoredEvent[], atMs: number): EventsRow {
      const [first, last] = [events[0]?.sequence ?? 0, events.at(-1)?.sequence ?? 0]
      const text = JSON.stringify(events.map(({ sequence, text }) => [sequence, text]))
      return {
        responseId: id,
        firstSequence: first,
        lastSequence: last,
        atMs: Math.round(atMs),
        events: seal(id, `events ${first}`, text),
      }
    },
    openEvents({ responseId, firstSequence, events }: EventsRow): StoredEvent[] {
      const list: [number, string][] = JSON.parse(open(responseId, `events ${firstSequence}`, events))
      return list.map(([sequence, text]) => ({ sequence, text }))
    },
  }
}

/** PostgreSQL refuses a NUL, which a client's text may hold. */
export function storable<T extends string | null>(text: T): T | string {
  return text === null ? text : text.replaceAll('\0', '')
}

export function whole(value: number | null): number | null {
  return value === null ? null : Math.round(value)
}
