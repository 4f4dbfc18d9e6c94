import type { AccountView } from '../../../src/contract/accounts.ts'
import type { RequestView } from '../../../src/contract/requests.ts'
import { clock, count, fullMoment, latency } from '../../format.ts'

type RequestsProps = { requests: readonly RequestView[]; accounts: readonly AccountView[] }

/** What happened last: newest first. */
export function Requests({ requests, accounts }: RequestsProps) {
  if (requests.length === 0) {
    return <p className="empty">The first request appears here as soon as a client has sent it.</p>
  }
  const names = new Map(accounts.map(({ accountId, displayName }) => [accountId, displayName]))
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard.
    <section className="scroll" aria-label="Requests" tabIndex={0}>
      <table>
        <thead>
          <tr>
            <th scope="col">Time</th>
            <th scope="col">Status</th>
            <th scope="col">Model</th>
            <th scope="col">Account</th>
            <th scope="col" className="number wide">
              Tokens in (cached) → out
            </th>
            <th scope="col" className="number wide">
              First token
            </th>
            <th scope="col" className="number">
              Total
            </th>
          </tr>
        </thead>
        <tbody>
          {requests.map((request) => (
            <Row key={request.id} request={request} names={names} />
          ))}
        </tbody>
      </table>
    </section>
  )
}

function Row({ request, names }: { request: RequestView; names: ReadonlyMap<string, string> }) {
  const { at, model, effort, accountId, usage, firstTokenMs, totalMs, attempts } = request
  const moved = new Set(attempts.map((attempt) => attempt.accountId)).size - 1
  return (
    <tr>
      <td>
        <time dateTime={at} title={fullMoment(at)}>
          {clock(at)}
        </time>
      </td>
      <td>
        <Outcome request={request} />
      </td>
      <td>
        {model ?? '–'} {effort !== null && <span className="small">{effort}</span>}
      </td>
      <td>
        {accountId === null ? '–' : (names.get(accountId) ?? 'deleted account')}
        {moved > 0 && <span className="small"> after {moved} other</span>}
      </td>
      <td className="number wide">
        {usage === null ? '–' : `${count(usage.input)} (${count(usage.cached)}) → ${count(usage.output)}`}
      </td>
      <td className="number wide">{firstTokenMs === null ? '–' : latency(firstTokenMs)}</td>
      <td className="number">{latency(totalMs)}</td>
    </tr>
  )
}

const outcomes = {
  success: { icon: '✓', tone: 'ok', word: 'Answered' },
  error: { icon: '✕', tone: 'bad', word: 'Failed' },
  cancelled: { icon: '–', tone: 'calm', word: 'Cancelled' },
} as const

function Outcome({ request: { status, errorCode, errorMessage } }: { request: RequestView }) {
  const { icon, tone, word } = outcomes[status]
  return (
    <span title={errorMessage ?? undefined}>
      <span className={`badge ${tone}`}>
        <span aria-hidden="true">{icon}</span> {word}
      </span>{' '}
      {status === 'error' && errorCode !== null && <span className="small">{errorCode}</span>}
    </span>
  )
}
