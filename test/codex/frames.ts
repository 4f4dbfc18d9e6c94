import type { Untyped } from '../support/untyped.ts'

type Json = Untyped

/** What goes one way on a WebSocket, as it is read on the way: the text frames, parsed, and the code of the close. */
export type FrameReader = {
  push(chunk: Buffer): void
  messages: Json[]
  closeCode(): number | null
}

const text = 1
const close = 8
const noCode = 1005

/** Reads what neither side has compressed or split, which is all that the product and Codex send. */
export function createFrameReader(): FrameReader {
  const messages: Json[] = []
  let code: number | null = null
  let unread = Buffer.alloc(0)
  return {
    messages,
    closeCode: () => code,
    push(chunk) {
      unread = Buffer.concat([unread, chunk])
      for (let frame = frameIn(unread); frame !== null; frame = frameIn(unread)) {
        if (frame.opcode === text) messages.push(JSON.parse(frame.payload.toString('utf8')))
        if (frame.opcode === close) code = frame.payload.length < 2 ? noCode : frame.payload.readUInt16BE(0)
        unread = unread.subarray(frame.end)
      }
    },
  }
}

/** The first frame, unmasked. Null: it has not come as a whole yet. */
function frameIn(bytes: Buffer): { opcode: number; payload: Buffer; end: number } | null {
  if (bytes.length < 2) return null
  const opcode = bytes.readUInt8(0) & 0x0f
  const isMasked = (bytes.readUInt8(1) & 0x80) !== 0
  const short = bytes.readUInt8(1) & 0x7f
  const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0
  const from = 2 + lengthBytes + (isMasked ? 4 : 0)
  if (bytes.length < from) return null
  const length = lengthBytes === 0 ? short : bytes.readUIntBE(lengthBytes === 8 ? 4 : 2, lengthBytes === 8 ? 6 : 2)
  const end = from + length
  if (bytes.length < end) return null
  const payload = Buffer.from(bytes.subarray(from, end))
  if (isMasked) for (let at = 0; at < length; at++) payload[at] = (payload[at] ?? 0) ^ (bytes[from - 4 + (at % 4)] ?? 0)
  return { opcode, payload, end }
}
