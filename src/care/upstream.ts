import type { Clock } from '../lib/clock.ts'
import { type Finding, failed, fine, skipped, warning } from './finding.ts'

const reach = { id: 'upstream', title: 'Upstream' }
const login = { id: 'sign_in_service', title: 'Sign-in service' }
const time = { id: 'clock', title: 'Clock' }
const patienceMs = 8_000
/** Tokens and windows bear a minute; beyond it "expired" and "back at" begin to be wrong. */
const mostSkewMs = 60_000

type Answer = { status: number; atMs: number | null } | { error: string }

/** Whether the upstream and the sign-in service answer, and whether the clock agrees with theirs. Nothing is sent but a bare GET. */
export async function checkUpstream(
  { upstreamBaseUrl, authBaseUrl }: { upstreamBaseUrl: string; authBaseUrl: string },
  clock: Clock,
): Promise<Finding[]> {
  const [upstream, auth] = await Promise.all([ask(upstreamBaseUrl), ask(authBaseUrl)])
  return [
    reached(reach, upstreamBaseUrl, upstream, 'CODEX_LB_UPSTREAM_BASE_URL'),
    reached(login, authBaseUrl, auth, 'CODEX_LB_AUTH_BASE_URL'),
    agreed([upstream, auth], clock.now()),
  ]
}

/** Any answer shows that it is there: without a login most of them are refusals. */
async function ask(url: string): Promise<Answer> {
  try {
    const answer = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(patienceMs) })
    await answer.body?.cancel()
    const date = answer.headers.get('date')
    const atMs = date === null ? Number.NaN : Date.parse(date)
    return { status: answer.status, atMs: Number.isNaN(atMs) ? null : atMs }
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
    return { error: wordsFor(cause) }
  }
}

function wordsFor(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const code = 'code' in error ? String(error.code) : error.name
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'its name cannot be resolved'
  if (code === 'ECONNREFUSED') return 'the connection is refused'
  if (code === 'TimeoutError' || code === 'ETIMEDOUT' || code.includes('TIMEOUT')) return 'it does not answer in time'
  if (/CERT|SELF_SIGNED|TLS|SSL/.test(code)) return `its certificate is not accepted (${code})`
  return `it cannot be reached (${code})`
}

function reached(check: { id: string; title: string }, url: string, answer: Answer, variable: string): Finding {
  const { host } = new URL(url)
  if ('error' in answer) {
    const fix = `Look at the network, DNS and firewall of this machine: curl -I ${url}. The address is ${variable}. Accounts that go through proxies of their own are not concerned.`
    return failed(check, `${host} is out of reach`, answer.error, fix)
  }
  if (answer.status < 500) return fine(check, `${host} answers`)
  return warning(
    check,
    `${host} answers ${answer.status}`,
    'It has trouble of its own.',
    'Wait, and look at its status page.',
  )
}

function agreed(answers: readonly Answer[], nowMs: number): Finding {
  const skews = answers.flatMap((answer) => ('atMs' in answer && answer.atMs !== null ? [nowMs - answer.atMs] : []))
  const [skewMs] = skews.toSorted((a, b) => Math.abs(a) - Math.abs(b))
  if (skewMs === undefined) return skipped(time, 'nobody told the time to compare with')
  if (Math.abs(skewMs) < mostSkewMs) return fine(time, 'agrees with the upstream')
  const how = `${Math.round(Math.abs(skewMs) / 1000)} s ${skewMs > 0 ? 'ahead' : 'behind'}`
  return failed(
    time,
    how,
    'Tokens look expired too early or too late, and the times of resets are wrong.',
    'Switch on time synchronisation: timedatectl set-ntp true',
  )
}
