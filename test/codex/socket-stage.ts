import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, vi } from 'vitest'
import type { ClientVersion, CodexRun } from './codex.ts'
import type { ConfigChanges } from './config.ts'
import { poolEmails } from './product.ts'
import { type Stage, useStage } from './stage.ts'
import type { SocketSeen } from './tap.ts'

/** What a user adds to the provider for WebSockets. */
export const overSockets = { provider: 'supports_websockets = true\n' }

/** As `fill_first` asks them. */
export const [ann, ben, cleo] = poolEmails as [string, string, string]

/** What a test of sockets has more. */
export type SocketStage = Stage & {
  /** The client's sockets, oldest first. */
  sockets(): SocketSeen[]
  /** The paths that the client posted to, oldest first. */
  posts(): string[]
  /** Who was sent a frame, in order, prewarms included. */
  asked(): string[]
  /** A turn with a shell command; `inBetween` happens while the command runs, and no request is under way. */
  shellTurnWith(changes: ConfigChanges, inBetween: () => unknown): Promise<CodexRun>
}

/**
 * Sets the stage with accounts that are asked in a known order, ann, ben, cleo, and have used 40 % of their short windows
 * together. The upstream speaks of the windows of one account before each answer.
 */
export function useSocketStage(version: ClientVersion): SocketStage {
  const stage = useStage(version, {
    accounts: { [ann]: { shortUsedPercent: 60 }, [ben]: { shortUsedPercent: 40 }, [cleo]: { shortUsedPercent: 20 } },
    simulator: { rateLimitFrames: true },
    settings: { strategy: 'fill_first' },
  })
  const seen = () => stage.tap().seen
  return {
    ...stage,
    sockets: () => seen().flatMap(({ socket }) => socket?.() ?? []),
    posts: () => seen().flatMap(({ method, path }) => (method === 'POST' ? [path] : [])),
    asked: () =>
      stage
        .product()
        .upstreamFrames()
        .map(({ email }) => email ?? ''),
    async shellTurnWith(changes, inBetween) {
      const codex = await stage.codexWith(changes)
      const running = codex.turn('FAKE_TOOL: until [ -e go-on ]; do sleep 0.05; done; echo from-the-shell')
      await vi.waitFor(
        () => {
          const turns = stage
            .product()
            .upstreamFrames()
            .filter(({ body }) => body?.generate !== false)
          expect(turns.map(({ outcome }) => outcome)).toEqual(['finished'])
        },
        { timeout: 30_000 },
      )
      await inBetween()
      await writeFile(join(codex.folder, 'go-on'), '')
      return running
    },
  }
}
