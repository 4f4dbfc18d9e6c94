import { useQuery } from '@tanstack/react-query'
import { useNavigate, useParams, useSearch } from '@tanstack/react-router'
import type { EgressProxyView } from '../../src/contract/egress.ts'
import type { RequestView } from '../../src/contract/requests.ts'
import { fullMoment, latency, money, whole } from '../format.ts'
import { t } from '../messages/index.ts'
import { becauseText, decisionOf, verdictText } from '../parts/decision.ts'
import { useWays } from '../parts/network/ways.ts'
import { Outcome, useAccountNames } from '../parts/request-table.tsx'
import { useSourceNames } from '../parts/source-names.ts'
import { WhyAccount } from '../parts/why-account.tsx'
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
  const sourceOf = useSourceNames()
  const decision = decisionOf(request.decision)
  return (
    <div className="stack roomy">
      <div className="stack">
        <p className="row">
          <Outcome status={request.status} httpStatus={request.httpStatus} />
          <span className="quiet">
            {latency(request.totalMs)}
            {request.waitedMs !== null && `, ${t('request.waited', { time: latency(request.waitedMs) })}`}
          </span>
          <span className="quiet">{request.model}</span>
        </p>
        {request.sourceId !== null && (
          <p className="notice warn">
            <span>
              {t('request.bySource', { name: sourceOf(request.sourceId), because: becauseText(decision) })}{' '}
              {request.costUsd !== null && t('request.bySourceCost', { money: money(request.costUsd) })}
            </span>
          </p>
        )}
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
        <Steps {...{ request, nameOf, sourceOf }} because={becauseText(decision)} />
      </section>
      {decision !== null && <WhyAccount decision={decision} atMs={Date.parse(request.at)} nameOf={nameOf} />}
      <section className="section">
        <h3>{t('request.facts')}</h3>
        <Facts request={request} />
      </section>
    </div>
  )
}

type NameOf = (id: string | null) => string
type Step = { ms: number; text: string; note?: string }

type StepsProps = { request: RequestView; because: string; nameOf: NameOf; sourceOf: (id: string) => string }

function Steps({ request, because, nameOf, sourceOf }: StepsProps) {
  const { proxies } = useWays()
  const { at, attempts, firstTokenMs, totalMs, status } = request
  const since = (moment: string) => Math.max(0, Date.parse(moment) - Date.parse(at))
  const last = attempts.length - 1
  const steps: Step[] = [
    { ms: 0, text: t('step.admitted', { route: request.route }) },
    ...attempts.map((attempt, index) => {
      const account = attempt.sourceId === null ? nameOf(attempt.accountId) : sourceOf(attempt.sourceId)
      const answer = [attempt.status, attempt.code].filter((part) => part !== null).join(' ')
      const isServed = index === last && status !== 'error'
      const text = isServed
        ? t('step.served', { account, because })
        : t('step.refused', { account, answer, verdict: verdictText(attempt.verdict) })
      return { ms: since(attempt.at), text, note: attemptNote(attempt, proxies) }
    }),
    ...(firstTokenMs === null ? [] : [{ ms: firstTokenMs, text: t('step.firstToken') }]),
    { ms: totalMs, text: t(`step.${status}`) },
  ].toSorted((a, b) => a.ms - b.ms)
  return (
    <ol className="walk">
      {steps.map(({ ms, text, note }) => (
        <li key={`${ms} ${text} ${note ?? ''}`}>
          <span className="at">{latency(ms)}</span>
          <span>
            {text} {note && <span className="small">{note}</span>}
          </span>
        </li>
      ))}
    </ol>
  )
}

/** Through which proxy it went, what the error concerns, and how long the try took. Old log lines know none of it. */
function attemptNote(
  { scope, tookMs, egressId }: RequestView['attempts'][number],
  proxies: readonly EgressProxyView[],
): string {
  const name = proxies.find(({ id }) => id === egressId)?.name ?? egressId
  const through = name === null ? null : t('step.through', { name })
  const parts = [
    through,
    scope && t(`scope.${scope}`),
    tookMs === null ? null : t('step.took', { time: latency(tookMs) }),
  ]
  return parts.filter((part) => part !== null).join(' · ')
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
    [
      t(request.sourceId === null ? 'fact.cost' : 'fact.sourceCost'),
      costUsd === null ? null : t('figure.about', { money: money(costUsd) }),
    ],
    [t('fact.transport'), t(`transport.${request.transport}`)],
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
