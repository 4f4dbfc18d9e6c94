import type { Answer } from '../../src/upstream/client.ts'
import type { TransportError } from '../../src/upstream/transport-error.ts'

/** An answer that a test plays by hand, as an exchange would: nothing flows before a sink is attached or while it is paused. */
export type FakeAnswer = Answer & {
  /** Hands over one chunk; false when the sink asked for a pause. */
  give(chunk: Buffer | string): boolean
  finish(): void
  break(error: TransportError): void
  readonly aborted: boolean
  readonly resumed: number
}

export function createFakeAnswer(given: Partial<Pick<Answer, 'status' | 'headers'>> = {}): FakeAnswer {
  type Sink = Parameters<Answer['attach']>[0]
  let sink: Sink | null = null
  let ending: ((sink: Sink) => void) | null = null
  let aborted = false
  let resumed = 0
  const end = (tell: (sink: Sink) => void) => {
    ending = tell
    if (sink) tell(sink)
  }
  return {
    status: 200,
    headers: {},
    via: null,
    ...given,
    attach(next) {
      sink = next
      ending?.(next)
    },
    resume: () => void resumed++,
    abort: () => {
      aborted = true
    },
    give(chunk) {
      if (sink === null) throw new Error('Nobody reads this answer.')
      return sink.data(Buffer.from(chunk))
    },
    finish: () => end((one) => one.end()),
    break: (error) => end((one) => one.fail(error)),
    get aborted() {
      return aborted
    },
    get resumed() {
      return resumed
    },
  }
}
