import type { TransportError } from './transport-error.ts'

/** Where the bytes of an answer go. `data` returns false to get no more until `resume()`. */
export type Sink = { data(chunk: Buffer): boolean; end(): void; fail(error: TransportError): void }

/** What nobody takes is kept up to this size: cheaper than stopping a read in the middle, and then not read at all. */
const maxHeldBytes = 64 * 1024

/** Carries the chunks of one answer from where they come in to whoever takes them, who may change on the way. */
export class Feed {
  #sink: Sink | null = null
  /** False while the sink wants no more. */
  #flows = false
  #held: Buffer[] = []
  #heldBytes = 0
  #ending: ((sink: Sink) => void) | null = null
  /** The sink that was told of the end. */
  #told: Sink | null = null

  /** False when enough is held: the source should stop reading until `resume` is called. */
  push(chunk: Buffer): boolean {
    if (this.#flows) this.#pass(chunk)
    else {
      this.#held.push(chunk)
      this.#heldBytes += chunk.length
    }
    return this.#heldBytes < maxHeldBytes
  }

  /** The answer is over. Each sink is told once, after the last chunk. */
  finish(tell: (sink: Sink) => void): void {
    this.#ending = tell
    this.#tellEnd()
  }

  /** Whoever ended the answer wants nothing more of it. */
  clear(): void {
    this.#held = []
    this.#heldBytes = 0
  }

  attach(sink: Sink): void {
    this.#sink = sink
  }

  /** Hands on what is held. True when the source may read on. */
  resume(): boolean {
    const sink = this.#sink
    this.#flows = true
    // A sink may hand over to another one while it takes a chunk: then that one has gone on with the rest.
    while (this.#flows && this.#sink === sink && this.#held.length > 0) {
      const chunk = this.#held.shift() as Buffer
      this.#heldBytes -= chunk.length
      this.#pass(chunk)
    }
    if (!this.#flows || this.#sink !== sink) return false
    this.#tellEnd()
    return true
  }

  #pass(chunk: Buffer): void {
    if (this.#sink?.data(chunk) === false) this.#flows = false
  }

  /** The end may come before a sink is there to hear of it, or between two. */
  #tellEnd(): void {
    if (this.#ending === null || this.#sink === null || this.#sink === this.#told || this.#held.length > 0) return
    this.#told = this.#sink
    this.#ending(this.#sink)
  }
}
