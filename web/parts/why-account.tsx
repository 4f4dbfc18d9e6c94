import { compact, figure, share } from '../format.ts'
import { t } from '../messages/index.ts'
import {
  becauseText,
  type Decision,
  edgeText,
  exclusionText,
  type Move,
  moveText,
  type Ranked,
  strategyText,
} from './decision.ts'
import { partsText } from './rank-parts.ts'

type NameOf = (id: string | null) => string
type Props = { decision: Decision; atMs: number; nameOf: NameOf }

/** A decision in full: who was chosen and why, what a move cost, who else was ranked, and who could not serve. */
export function WhyAccount({ decision, atMs, nameOf }: Props) {
  const { accountId, ranked, excluded, move, panic, strategy, source } = decision
  const values = { account: nameOf(accountId), because: becauseText(decision), rule: strategyText(strategy) }
  return (
    <section className="section">
      <h3>{t('request.why')}</h3>
      <p className="quiet">
        {source
          ? t('request.sourceChosen', { name: source.name, because: values.because })
          : t(accountId === null ? 'request.notChosen' : 'request.chosen', values)}
      </p>
      {panic && <p className="notice warn">{t('request.panic')}</p>}
      {move && <MoveNotice move={move} nameOf={nameOf} />}
      {ranked.length > 0 && (
        <>
          <p className="small">{countText(decision)}</p>
          <ol className="walk" aria-label={t('request.ranked')}>
            {ranked.map((row, index) => (
              <RankedRow key={row.accountId} row={row} place={index + 1} atMs={atMs} nameOf={nameOf} />
            ))}
          </ol>
        </>
      )}
      {excluded.length > 0 && (
        <>
          <h3>{t('request.excluded')}</h3>
          <ul className="walk" aria-label={t('request.excluded')}>
            {excluded.map(({ accountId: id, exclusion }) => (
              <li key={id}>
                <span className="at">✕</span>
                <span>
                  {nameOf(id)} <span className="small">{exclusionText(exclusion, nameOf, atMs)}</span>
                </span>
              </li>
            ))}
          </ul>
        </>
      )}
    </section>
  )
}

function countText({ ranked, candidates = ranked.length }: Decision): string {
  if (candidates > ranked.length) return t('request.rankedBest', { count: candidates, shown: ranked.length })
  return t('request.rankedOf', { count: candidates })
}

function MoveNotice({ move, nameOf }: { move: Move; nameOf: NameOf }) {
  const { fromAccountId, reason, warmTokens, shortPercent, longPercent } = move
  const cost = { tokens: compact(warmTokens), short: share(shortPercent), long: share(longPercent) }
  return (
    <div className="notice">
      <p>
        <strong>{t('move.title', { from: nameOf(fromAccountId) })}</strong>
      </p>
      <p>{t('move.why', { reason: moveText(reason) })}</p>
      <p>{warmTokens > 0 ? t('move.cost', cost) : t('move.free')}</p>
    </div>
  )
}

function RankedRow({ row, place, atMs, nameOf }: { row: Ranked; place: number; atMs: number; nameOf: NameOf }) {
  const { accountId, edge, inFlight, rank, parts } = row
  return (
    <li title={t('request.rank', { rank: figure(rank) })}>
      <span className="at">{place}</span>
      <span>
        {nameOf(accountId)}{' '}
        <span className="small">{`${edgeText(edge)} · ${t('account.running', { count: inFlight })}`}</span>
        <span className="small part">{partsText(parts, atMs).join(' · ')}</span>
      </span>
    </li>
  )
}
