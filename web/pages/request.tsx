import { useQuery } from '@tanstack/react-query'
import { useNavigate, useParams, useSearch } from '@tanstack/react-router'
import type { RequestView } from '../../src/contract/requests.ts'
import { fullMoment, latency, money, whole } from '../format.ts'
import { t } from '../messages/index.ts'
import { becauseText, type Decision, decisionOf, edgeText, exclusionText } from '../parts/decision.ts'
import { Outcome, useAccountNames } from '../parts/request-table.tsx'
import { queries } from '../queries.ts'
import { Dialog } from '../ui/dialog.tsx'
import { Loaded } from '../ui/states.tsx'

/** One request, beside the list: what happened to it, step by step, and why it went where it went. */
export function RequestDrawer() {
  const { requestId } = useParams({ from: '/requests/$requestId' })
  const search = useSearch({ from: '/requests' })
  const navigate = useNavigate()
  const request = useQuery(queries.request(requestId))
  const close = () => void navigate({ to: '/requests', search })
  return (
    <Dialog title={t('request.title')} isDrawer onClose={close}>
      <Loaded query={request} what={t('what.request')}>
        {(data) => <Detail request={data} />}
      </Loaded>
    </Dialog>
  )
}

function Detail({ request }: { request: RequestView }) {
  const nameOf = useAccountNames()
  const decision = decisionOf(request.decision)
  return (
    <div className="stack roomy">
      <div className="stack">
        <p className="row">
          <Outcome status={request.status} httpStatus={request.httpStatus} />
          <span className="quiet">{latency(request.totalMs)}</span>
          <span className="quiet">{request.model}</span>
        </p>
        {request.errorCode !== null && (
          <p className="notice bad">
            <span>
              <code>{request.errorCode}</code> {request.errorMessage}
            </span>
          </p>
        )}
      </div>
      <section className="section">
        <h3>{t('request.steps')}</h3>
        <Steps request={request} because={becauseText(decision)} nameOf={nameOf} />
      </section>
      {decision !== null && <Why decision={decision} atMs={Date.parse(request.at)} nameOf={nameOf} />}
      <section className="section">
        <h3>{t('request.facts')}</h3>
        <Facts request={request} />
      </section>
    </div>
  )
}

type NameOf = (id: string | null) => string

function Steps({ request, because, nameOf }: { request: RequestView; because: string; nameOf: NameOf }) {
  const { at, attempts, firstTokenMs, totalMs, status } = request
  const since = (moment: string) => Math.max(0, Date.parse(moment) - Date.parse(at))
  const last = attempts.length - 1
  const steps = [
    { ms: 0, text: t('step.admitted', { route: request.route }) },
    ...attempts.map((attempt, index) => {
      const account = nameOf(attempt.accountId)
      const answer = [attempt.status, attempt.code].filter((part) => part !== null).join(' ')
      const isServed = index === last && status !== 'error'
      if (isServed) return { ms: since(attempt.at), text: t('step.served', { account, because }) }
      return { ms: since(attempt.at), text: t('step.refused', { account, answer, verdict: attempt.verdict }) }
    }),
    ...(firstTokenMs === null ? [] : [{ ms: firstTokenMs, text: t('step.firstToken') }]),
    { ms: totalMs, text: t(`step.${status}`) },
  ].toSorted((a, b) => a.ms - b.ms)
  return (
    <ol className="walk">
      {steps.map(({ ms, text }) => (
        <li key={`${ms} ${text}`}>
          <span className="at">{latency(ms)}</span>
          <span>{text}</span>
        </li>
      ))}
    </ol>
  )
}

/** Who was ranked, in order, and who could not serve and why. */
function Why({ decision, atMs, nameOf }: { decision: Decision; atMs: number; nameOf: NameOf }) {
  const strategies = ['capacity_weighted', 'round_robin', 'fill_first', 'least_used'] as const
  const known = strategies.find((one) => one === decision.strategy)
  const rule = known === undefined ? decision.strategy : t(`strategy.${known}`)
  return (
    <section className="section">
      <h3>{t('request.why')}</h3>
      <p className="quiet">
        {t('request.chosen', { account: nameOf(decision.accountId), because: becauseText(decision), rule })}
      </p>
      {decision.ranked.length > 0 && (
        <ol className="walk" aria-label={t('request.ranked')}>
          {decision.ranked.map(({ accountId, edge, inFlight }, index) => (
            <li key={accountId}>
              <span className="at">{index + 1}</span>
              <span>
                {nameOf(accountId)}{' '}
                <span className="small">{`${edgeText(edge)} · ${t('account.running', { count: inFlight })}`}</span>
              </span>
            </li>
          ))}
        </ol>
      )}
      {decision.excluded.length > 0 && (
        <>
          <h3>{t('request.excluded')}</h3>
          <ul className="walk">
            {decision.excluded.map(({ accountId, exclusion }) => (
              <li key={accountId}>
                <span className="at">✕</span>
                <span>
                  {nameOf(accountId)} <span className="small">{exclusionText(exclusion, nameOf, atMs)}</span>
                </span>
              </li>
            ))}
          </ul>
        </>
      )}
    </section>
  )
}

function Facts({ request }: { request: RequestView }) {
  const { usage, costUsd } = request
  const facts: [string, string | null][] = [
    [t('fact.time'), fullMoment(request.at)],
    [t('fact.model'), [request.model, request.effort, request.serviceTier].filter(Boolean).join(' · ')],
    [
      t('fact.tokens'),
      usage &&
        t('tokens.full', { input: whole(usage.input), cached: whole(usage.cached), output: whole(usage.output) }),
    ],
    [t('fact.cost'), costUsd === null ? null : t('figure.about', { money: money(costUsd) })],
    [t('fact.client'), request.client],
    [t('fact.thread'), request.threadId ?? request.sessionId],
    [t('fact.response'), request.responseId],
    [t('fact.request'), request.requestId],
  ]
  return (
    <dl className="facts">
      {facts.map(([name, value]) =>
        value === null || value === '' ? null : (
          <div className="fact" key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ),
      )}
    </dl>
  )
}
