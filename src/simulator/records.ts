import type { RecordedRequest } from './http.ts'
import type { JsonObject } from './json.ts'
import { keep } from './world.ts'

const largestKeptBodyBytes = 256 * 1024
const keptBodiesBytes = 32 * 1024 * 1024
const keptBodies = 2000

/** What arrived, oldest first, the last 2,000, over HTTP and on sockets alike. */
export type Records = {
  list: RecordedRequest[]
  /** `body` goes with it while it is small enough; the oldest bodies are let go first. */
  add(record: RecordedRequest, body: JsonObject | null): void
}

export function createRecords(): Records {
  const list: RecordedRequest[] = []
  const withBody: RecordedRequest[] = []
  let bytes = 0

  function keepBody(record: RecordedRequest, body: JsonObject | null): void {
    if (body === null || record.bodyBytes > largestKeptBodyBytes) return
    record.body = body
    bytes += record.bodyBytes
    withBody.push(record)
    while (bytes > keptBodiesBytes || withBody.length > keptBodies) {
      const oldest = withBody.shift()
      if (!oldest) return
      bytes -= oldest.bodyBytes
      oldest.body = null
    }
  }

  return {
    list,
    add(record, body) {
      keep(list, record)
      keepBody(record, body)
    },
  }
}
