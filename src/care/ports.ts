import { createServer } from 'node:net'
import { type Finding, failed, fine, skipped, warning } from './finding.ts'
import { whoAnswers } from './path.ts'

const port = { id: 'port', title: 'Port' }
const callback = { id: 'callback_port', title: 'Port of the browser sign-in' }

/** Whether the server's port is free or its own. */
export async function checkPort(host: string, number: number, url: string): Promise<Finding> {
  if (number === 0) return skipped(port, 'any free one is taken')
  if (await isFree(host, number)) return fine(port, `${number} is free; no server runs`)
  const who = await whoAnswers(url)
  if (who.kind === 'codex_lb') return fine(port, `${number} is used by codex-lb ${who.version}`)
  return failed(
    port,
    `${number} is used by another program`,
    'The server cannot listen there.',
    `Stop that program (lsof -i :${number}), or set CODEX_LB_PORT.`,
  )
}

/** Whether a browser can come back from signing in. */
export async function checkCallbackPort(number: number, serverRuns: boolean): Promise<Finding> {
  if (number === 0) return skipped(callback, 'switched off: paste the address instead')
  if (await isFree('127.0.0.1', number)) return fine(callback, `${number} is free`)
  const cause = serverRuns
    ? 'A sign-in may be under way, or another program (such as a Codex login) listens there.'
    : 'Another program (such as a Codex login) listens there.'
  return warning(
    callback,
    `${number} is busy`,
    cause,
    'Finish that first; or paste the address that the browser ends at into the dashboard.',
  )
}

function isFree(host: string, number: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen({ host, port: number, exclusive: true }, () => probe.close(() => resolve(true)))
  })
}
