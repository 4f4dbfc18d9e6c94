import { useMutation, useQueryClient } from '@tanstack/react-query'
import type { ModelSourceTest, ModelSourceView } from '../../../src/contract/model-sources.ts'
import { api } from '../../api.ts'
import { age, money } from '../../format.ts'
import { t } from '../../messages/index.ts'
import { useNow } from '../../now.ts'
import { EntryButtons } from '../../ui/entry-buttons.tsx'
import { Problem } from '../../ui/states.tsx'
import { StatusWord } from '../../ui/status.tsx'

type Props = { source: ModelSourceView; onEdit: () => void; onDelete: () => void }

/** One source: what it is for, how it does, and what it has cost. */
export function Source({ source, onEdit, onDelete }: Props) {
  const { id, name, baseUrl, isActive, use, models, inFlight } = source
  const client = useQueryClient()
  const test = useMutation({
    mutationFn: () => api.testModelSource(id),
    onSettled: () => client.invalidateQueries({ queryKey: ['model-sources'] }),
  })
  const notes = [
    ...(isActive ? [] : [t('source.off')]),
    ...use.map((one) => t(`source.${one}`)),
    t('source.models', { count: models.length }),
    ...(source.hasApiKey ? [] : [t('source.noKey')]),
    ...(source.allowPrivateAddress ? [t('source.private')] : []),
    ...(inFlight > 0 ? [t('source.running', { count: inFlight })] : []),
  ]
  return (
    <li className="panel stack">
      <div className="row between">
        <div className="entry-words">
          <strong>{name}</strong> <span className="small">{baseUrl}</span>
          <div className="small">{notes.join(' · ')}</div>
        </div>
        <EntryButtons
          test={{ label: t('sources.testOf', { name }), word: t('sources.test'), run: test }}
          edit={{ label: t('sources.editOf', { name }), onClick: onEdit }}
          remove={{ label: t('sources.deleteOf', { name }), onClick: onDelete }}
        />
      </div>
      <Health health={source.health} />
      <Spent source={source} />
      <Problem error={test.error} />
      <div role="status" className="result">
        {test.data && <TestResult {...test.data} />}
      </div>
    </li>
  )
}

function TestResult({ ok, message, missingModels }: ModelSourceTest) {
  return <p className={`notice ${ok ? (missingModels.length > 0 ? 'warn' : 'ok') : 'bad'}`}>{message}</p>
}

const looks = {
  ok: { tone: 'ok', icon: 'tick' },
  failing: { tone: 'bad', icon: 'warn' },
  resting: { tone: 'warn', icon: 'clock' },
  unknown: { tone: 'calm', icon: 'ring' },
} as const

function Health({ health }: { health: ModelSourceView['health'] }) {
  const nowMs = useNow(10_000)
  const { status, lastOkAt, lastFailureAt, lastFailure } = health
  const isBad = status === 'failing' || status === 'resting'
  const message = lastFailure?.message ?? lastFailure?.code ?? ''
  return (
    <div className="row">
      <StatusWord word={t(`source.${status}`)} {...looks[status]} />
      <span className="small entry-words">
        {isBad && lastFailureAt !== null && t('source.failedAt', { age: age(lastFailureAt, nowMs), message })}
        {!isBad && lastOkAt !== null && t('source.okAt', { age: age(lastOkAt, nowMs) })}
      </span>
    </div>
  )
}

/** Of a turn that people can picture: a coding agent in the middle of its work. */
const exampleTokens = { input: 50_000, output: 2_000 }

function Spent({ source: { spent, budget, models, use } }: { source: ModelSourceView }) {
  const [first] = models
  const isPaid = models.some(
    ({ inputUsdPerMillion, outputUsdPerMillion }) => inputUsdPerMillion + outputUsdPerMillion > 0,
  )
  if (!isPaid || first === undefined) return null
  const { inputUsdPerMillion, outputUsdPerMillion, model } = first
  const usd = (exampleTokens.input * inputUsdPerMillion + exampleTokens.output * outputUsdPerMillion) / 1e6
  const isUnbounded = use.includes('last_resort') && budget.usdPerDay === null && budget.usdPerMonth === null
  return (
    <>
      <div className="source-spent">
        <Gauge name={t('source.today')} spent={spent.usdToday} budget={budget.usdPerDay} />
        <Gauge name={t('source.month')} spent={spent.usdThisMonth} budget={budget.usdPerMonth} />
      </div>
      <p className="small">{t('source.example', { money: money(usd), model })}</p>
      {isUnbounded && <p className="notice warn">{t('source.unbounded')}</p>}
    </>
  )
}

function Gauge({ name, spent, budget }: { name: string; spent: number; budget: number | null }) {
  if (budget === null) {
    return (
      <p>
        <span className="quiet">{name}</span> {t('source.noBudget', { spent: money(spent) })}
      </p>
    )
  }
  const usedPercent = Math.min(100, (100 * spent) / budget)
  const words = t('source.spentOf', { spent: money(spent), budget: money(budget) })
  const tone = usedPercent >= 95 ? 'bad' : usedPercent >= 80 ? 'warn' : 'calm'
  return (
    <div className="meter">
      <div>
        <span className="quiet">{name}</span> {words}
      </div>
      <meter className="hidden" min={0} max={100} value={usedPercent} aria-label={name} aria-valuetext={words} />
      <svg className={`gauge ${tone}`} aria-hidden="true">
        <rect width={`${usedPercent}%`} height="6" />
      </svg>
    </div>
  )
}
