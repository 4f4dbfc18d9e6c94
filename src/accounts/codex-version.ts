import type { IncomingHttpHeaders } from 'node:http'
import { isClientVersion, isNewerVersion } from '../domain/client-version.ts'
import { minuteMs } from '../domain/quota.ts'
import type { Clock } from '../lib/clock.ts'
import { isNativeCodex } from '../upstream/headers.ts'

/** The newest version of the real Codex client that was met: the upstream tells an older one of fewer models. */
export type CodexVersion = {
  newest(): string
  /** Looks at a client's headers. True: it is newer than all before. */
  seen(headers: IncomingHttpHeaders): boolean
  /** Takes over what was known before. */
  remember(version: string): void
}

/** Known to work (protocol reference, §8). */
const defaultVersion = '0.169.0'
/** Each news makes every account's list be asked for again, so a client that invents versions gets one a minute. */
const restMs = minuteMs
const agentForm = /^[^/]{1,60}\/(\d{1,4}\.\d{1,4}\.\d{1,4})(?:\s|$)/

export function createCodexVersion(clock: Clock): CodexVersion {
  let newest = defaultVersion
  let restsUntilMs = 0
  let lastAgent: string | undefined
  let lastVersion: string | string[] | undefined
  return {
    newest: () => newest,
    seen(headers) {
      const agent = headers['user-agent']
      if (agent === lastAgent && headers.version === lastVersion) return false
      if (clock.now() < restsUntilMs) return false
      lastAgent = agent
      lastVersion = headers.version
      const version = versionOf(headers)
      if (version === null || !isNewerVersion(version, newest)) return false
      newest = version
      restsUntilMs = clock.now() + restMs
      return true
    },
    remember(version) {
      if (isNewerVersion(version, newest)) newest = version
    },
  }
}

/** An originator alone does not make the agent's version one of Codex. */
function versionOf(headers: IncomingHttpHeaders): string | null {
  const { version, 'user-agent': agent = '' } = headers
  if (isNativeCodex({ 'user-agent': agent })) {
    const named = agentForm.exec(agent)?.[1]
    if (named !== undefined) return named
  }
  return isNativeCodex(headers) && isClientVersion(version) ? version : null
}
