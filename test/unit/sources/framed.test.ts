import { describe, expect, it } from 'vitest'
import { asResponse, wholeEvents } from '../../../src/sources/framed.ts'
import type { Answer } from '../../../src/upstream/client.ts'
import { Feed } from '../../../src/upstream/feed.ts'
import { readOpening } from '../../../src/upstream/opening.ts'

/** An answer that a test gives piece by piece. */
function piecewise() {
  const feed = new Feed()
  const answer: Answer = {
    ...{ status: 200, headers: {}, via: null },
    attach(sink) {
      feed.attach(sink)
      feed.resume()
    },
    resume: () => void feed.resume(),
    abort() {},
  }
  return {
    answer,
    push: (given: string | Buffer) => feed.push(typeof given === 'string' ? Buffer.from(given) : given),
    end: () => feed.finish((sink) => sink.end()),
  }
}

function collect(answer: Answer) {
  const chunks: string[] = []
  let ends = 0
  answer.attach({
    data(chunk) {
      chunks.push(String(chunk))
      return true
    },
    end: () => void ends++,
    fail() {},
  })
  return { chunks, ends: () => ends }
}

const stream = 'event: a\ndata: {"x":"ü"}\n\ndata: one\ndata: two\r\n\r\n: hi\n\ndata: [DONE]\n\n'

describe('the events of a source', () => {
  it('come out whole, wherever the bytes were cut', () => {
    const bytes = Buffer.from(stream)
    for (let cut = 0; cut <= bytes.length; cut++) {
      const { answer, push, end } = piecewise()
      const { chunks, ends } = collect(wholeEvents(answer))
      push(bytes.subarray(0, cut))
      push(bytes.subarray(cut))
      end()
      for (const chunk of chunks) expect(chunk.endsWith('\n\n')).toBe(true)
      expect(chunks.join('')).toBe('event: a\ndata: {"x":"ü"}\n\ndata: one\ndata: two\n\n')
      expect(ends()).toBe(1)
    }
  })

  it('are translated once, also when the reader changes at their end', async () => {
    const { answer, push, end } = piecewise()
    let ended = 0
    const translated = asResponse(answer, {
      chunk: (data) => `data: ${data}\n\n`,
      end() {
        ended++
        return 'data: {"type":"response.completed"}\n\n'
      },
    })
    const opening = readOpening(translated, () => {})
    push('data: {"type":"response.created"}\n\n')
    end()
    const head = await opening
    expect(head.firstEvent?.type).toBe('response.completed')
    const { chunks, ends } = collect(translated)
    expect([head.opening.length, chunks, ended, ends()]).toEqual([2, [], 1, 1])
  })
})
