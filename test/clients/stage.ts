import { onTestFinished, vi } from 'vitest'
import type { Fault } from '../../src/simulator/faults.ts'
import { startOutside } from '../codex/outside.ts'
import { poolEmails, startProduct } from '../codex/product.ts'
import { startTap } from '../codex/tap.ts'

/** The product with its simulated upstream, for one test, and what a client may be asked about afterwards. */
export type Stage = {
  /** What a client is given as the address of the product. */
  url: string
  /** A forward proxy for whatever does not go to this machine. */
  outsideUrl: string
  /** The client's requests, as `method path status`, oldest first. */
  asked(): string[]
  /** The account that served last, and those that were tried for it in vain. */
  lastServed(): Promise<{ by: string; triedBefore: { by: string; verdict: string }[] }>
  /** The turns that came through to the upstream, oldest first. */
  upstreamTurns(): { email: string | null; text: string }[]
  /** The account that served the first turn, as soon as it has. */
  firstServed(): Promise<string>
  /** Lets this happen to one account, or to all. */
  script(fault: Fault, email?: string): void
  /** To be ended with the test, before the product is. */
  onEnd(close: () => Promise<void>): void
}

/** Starts it; it ends with the test, which fails if anything was sent to the internet. */
export async function setStage(): Promise<Stage> {
  const closing: (() => Promise<void>)[] = []
  onTestFinished(async () => {
    for (const close of closing.toReversed()) await close()
  })
  const outside = await startOutside()
  closing.push(async () => {
    await outside.close()
    if (outside.asked.length > 0) throw new Error(`Went to the internet: ${outside.asked.join(', ')}`)
  })
  const product = await startProduct()
  closing.push(product.close)
  // Answers once the accounts have told what models they have; before that, nobody knows which ones to offer instead.
  await fetch(`${product.url}/v1/models`)
  const tap = await startTap(product.url)
  closing.push(tap.close)
  return {
    url: tap.url,
    outsideUrl: outside.url,
    asked: () => tap.seen.map(({ method, path, status }) => `${method} ${path} ${status}`),
    async lastServed() {
      const last = (await product.served()).at(-1)
      if (!last?.by) throw new Error('No account has served yet.')
      return { by: last.by, triedBefore: last.tries.slice(0, -1) }
    },
    upstreamTurns: () => product.upstreamTurns().map(({ email, body }) => ({ email, text: JSON.stringify(body) })),
    firstServed: () =>
      vi.waitFor(
        () => {
          const email = product.upstreamTurns().find(({ outcome }) => outcome !== 'open')?.email
          if (!email) throw new Error('No turn has been served yet.')
          return email
        },
        { timeout: 20_000 },
      ),
    script(fault, email) {
      for (const one of email === undefined ? poolEmails : [email]) product.simulator.script(one, fault)
    },
    onEnd: (close) => void closing.push(close),
  }
}
