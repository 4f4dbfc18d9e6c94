import type { RedemptionView } from '../../../src/contract/reset-credits.ts'
import { when } from '../../format.ts'
import { t } from '../../messages/index.ts'
import type { IconName } from '../../ui/icon.tsx'
import { Moment, StatusWord, type Tone } from '../../ui/status.tsx'
import { Table } from '../../ui/table.tsx'

const looks: Record<RedemptionView['outcome'], { tone: Tone; icon: IconName }> = {
  pending: { tone: 'warn', icon: 'clock' },
  reset: { tone: 'ok', icon: 'tick' },
  already_redeemed: { tone: 'calm', icon: 'dash' },
  nothing_to_reset: { tone: 'calm', icon: 'dash' },
  no_credit: { tone: 'calm', icon: 'dash' },
  failed: { tone: 'bad', icon: 'cross' },
}

/** Uses of reset credits, newest first: who asked, and how each ended. */
export function Redemptions({ redemptions, nowMs }: { redemptions: readonly RedemptionView[]; nowMs: number }) {
  return (
    <Table
      label={t('credits.history')}
      rows={redemptions}
      keyOf={({ idempotencyKey }) => idempotencyKey}
      columns={[
        {
          name: t('column.time'),
          cell: ({ startedAt }) => <Moment at={startedAt}>{when(startedAt, nowMs)}</Moment>,
        },
        { name: t('credits.by'), isExtra: true, cell: ({ by }) => t(`by.${by}`) },
        {
          name: t('credits.outcome'),
          cell: ({ outcome, error }) => (
            <span title={error ?? undefined}>
              <StatusWord word={t(`outcome.${outcome}`)} {...looks[outcome]} />
            </span>
          ),
        },
      ]}
    />
  )
}
