import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import type { SettingsView } from '../../../src/contract/settings.ts'
import type { WhatIfView } from '../../../src/contract/what-if.ts'
import { api } from '../../api.ts'
import { ApiError } from '../../call.ts'
import { compact, percent, when, whole } from '../../format.ts'
import { t } from '../../messages/index.ts'
import { useNow } from '../../now.ts'
import { Segments } from '../../ui/controls.tsx'
import { Section } from '../../ui/page.tsx'
import { Empty, Problem } from '../../ui/states.tsx'
import { Table } from '../../ui/table.tsx'

const spans = ['24', '168', '672'] as const
type Span = (typeof spans)[number]

/** What the turns of the log would have met under each strategy, with whatever is edited and not saved yet. */
export function WhatIf({ changes }: { changes: Partial<SettingsView> }) {
  const [hours, setHours] = useState<Span>('168')
  const run = useMutation({ mutationFn: api.whatIf })
  // The strategies are tried all, and what happens to reset credits is not replayed.
  const { strategy: _strategy, resetCreditRule: _rule, ...settings } = changes
  const isInvalid = run.error instanceof ApiError && run.error.faults.length > 0
  const isEdited = Object.keys(settings).length > 0
  return (
    <Section title={t('whatIf.title')}>
      <div className="panel stack">
        <p className="quiet">{t('whatIf.what')}</p>
        <div className="row">
          <Segments
            label={t('whatIf.span')}
            value={hours}
            options={spans.map((value) => ({ value, label: t(`whatIf.span.${value}`) }))}
            onChange={setHours}
          />
          <button type="button" disabled={run.isPending} onClick={() => run.mutate({ since: Number(hours), settings })}>
            {t(run.isPending ? 'whatIf.running' : 'whatIf.run')}
          </button>
          {isEdited && <span className="small">{t('whatIf.edited')}</span>}
        </div>
        <Problem error={isInvalid ? new Error(t('whatIf.invalid')) : run.error} />
        {run.data && !run.isPending && <Results view={run.data} />}
      </div>
    </Section>
  )
}

function Results({ view: { since, arrivals, results, assumptions } }: { view: WhatIfView }) {
  const nowMs = useNow(60_000)
  if (arrivals === 0) return <Empty>{t('whatIf.none')}</Empty>
  return (
    <>
      <p role="status">
        {t('whatIf.replayed', { count: arrivals, turns: whole(arrivals), since: when(since, nowMs) })}
      </p>
      <Table
        label={t('whatIf.table')}
        rows={results}
        keyOf={({ strategy, isCurrent }) => `${strategy} ${isCurrent}`}
        columns={[
          {
            name: t('whatIf.strategy'),
            cell: ({ strategy, isCurrent }) => (
              <>
                {isCurrent ? <strong>{t(`strategy.${strategy}`)}</strong> : t(`strategy.${strategy}`)}
                {isCurrent && <span className="small"> {t('whatIf.current')}</span>}
              </>
            ),
          },
          { name: t('whatIf.refused'), isNumber: true, cell: ({ refused }) => whole(refused) },
          { name: t('whatIf.waited'), isNumber: true, isExtra: true, cell: ({ waited }) => whole(waited) },
          { name: t('whatIf.windowsHit'), isNumber: true, isExtra: true, cell: ({ windowsHit }) => whole(windowsHit) },
          { name: t('whatIf.switches'), isNumber: true, isExtra: true, cell: ({ switches }) => whole(switches) },
          { name: t('whatIf.cached'), isNumber: true, cell: ({ cachedSharePercent }) => percent(cachedSharePercent) },
          {
            name: t('whatIf.paidAgain'),
            isNumber: true,
            isExtra: true,
            cell: ({ paidAgainTokens }) => compact(paidAgainTokens),
          },
        ]}
      />
      <details>
        <summary>{t('whatIf.assumptions')}</summary>
        <ul className="bullets small">
          {assumptions.map((sentence) => (
            <li key={sentence}>{sentence}</li>
          ))}
        </ul>
      </details>
    </>
  )
}
