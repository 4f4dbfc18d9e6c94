import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { AccountView } from '../../../src/contract/accounts.ts'
import type { RedemptionView, ResetCreditList } from '../../../src/contract/reset-credits.ts'
import { api } from '../../api.ts'
import { percent, when } from '../../format.ts'
import { t } from '../../messages/index.ts'
import { queries } from '../../queries.ts'
import { useIsAdmin } from '../../role.tsx'
import { Confirm } from '../../ui/dialog.tsx'
import { Empty, Loaded, Problem } from '../../ui/states.tsx'
import { Moment } from '../../ui/status.tsx'
import { Table } from '../../ui/table.tsx'
import { needsPerson, windowName } from '../standing.ts'
import { Redemptions } from './redemptions.tsx'

type Props = { account: AccountView; nowMs: number }
/** Nothing: the server takes the credit that is lost soonest. */
type Which = { creditId?: string; idempotencyKey?: string }

/** What can be started anew, with a question before it is, and what became of it. */
export function ResetCredits({ account, nowMs }: Props) {
  if (needsPerson(account)) return <Empty>{t('credits.signIn')}</Empty>
  return <Credits account={account} nowMs={nowMs} />
}

function Credits({ account, nowMs }: Props) {
  const { accountId } = account
  const client = useQueryClient()
  const isAdmin = useIsAdmin()
  const credits = useQuery(queries.resetCredits(accountId))
  const [asked, setAsked] = useState<Which | null>(null)
  const redeem = useMutation({
    mutationFn: (which: Which) => api.redeem(accountId, which),
    onSettled: async () => {
      setAsked(null)
      await Promise.all([
        client.invalidateQueries({ queryKey: ['reset-credits', accountId] }),
        client.invalidateQueries({ queryKey: ['accounts'] }),
      ])
    },
  })
  return (
    <Loaded query={credits} what={t('what.credits')}>
      {(data) => {
        const pending = data.redemptions.find(({ outcome }) => outcome === 'pending')
        return (
          <div className="stack">
            {data.items.length === 0 && data.availableCount === 0 && <Empty>{t('credits.none')}</Empty>}
            {redeem.data && redeem.data.outcome !== 'pending' && <Outcome redemption={redeem.data} />}
            <Problem error={redeem.error} />
            {pending && (
              <Pending
                redemption={pending}
                nowMs={nowMs}
                isBusy={redeem.isPending}
                onRepeat={() => redeem.mutate({ idempotencyKey: pending.idempotencyKey })}
              />
            )}
            <CreditTable
              credits={data}
              nowMs={nowMs}
              isBlocked={!isAdmin || redeem.isPending || pending !== undefined}
              onUse={setAsked}
            />
            {data.redemptions.length > 0 && (
              <>
                <h3>{t('credits.history')}</h3>
                <Redemptions redemptions={data.redemptions} nowMs={nowMs} />
              </>
            )}
            {asked !== null && (
              <Confirm
                title={t('credits.ask', { name: account.displayName })}
                action={t('credits.askDo')}
                isBusy={redeem.isPending}
                onConfirm={() => redeem.mutate(asked)}
                onClose={() => setAsked(null)}
              >
                <p>{t('credits.askWhat')}</p>
                <ul className="plain-list">
                  {account.windows.map((window) => (
                    <li key={window.kind}>
                      {t('credits.askUsed', { window: windowName(window), percent: percent(window.usedPercent) })}
                    </li>
                  ))}
                </ul>
              </Confirm>
            )}
          </div>
        )
      }}
    </Loaded>
  )
}

type CreditTableProps = {
  credits: ResetCreditList
  nowMs: number
  isBlocked: boolean
  onUse: (which: Which) => void
}

function CreditTable({ credits: { items, availableCount }, nowMs, isBlocked, onUse }: CreditTableProps) {
  const moment = (at: string | null) => (at === null ? '–' : <Moment at={at}>{when(at, nowMs)}</Moment>)
  // The upstream may tell their number and not the credits themselves.
  const isListed = items.some(({ status }) => status === 'available')
  return (
    <>
      {availableCount > 0 && (
        <div className="row between">
          <p>{t('credits.available', { count: availableCount })}</p>
          {!isListed && (
            <button type="button" disabled={isBlocked} onClick={() => onUse({})}>
              {t('credits.useOne')}
            </button>
          )}
        </div>
      )}
      {items.length > 0 && (
        <Table
          label={t('credits.table')}
          rows={items}
          keyOf={({ id }) => id}
          columns={[
            {
              name: t('credits.credit'),
              cell: ({ title, description }) => (
                <span title={description ?? undefined}>{title ?? t('credits.untitled')}</span>
              ),
            },
            { name: t('credits.status'), isExtra: true, cell: ({ status }) => status },
            { name: t('credits.granted'), isExtra: true, cell: ({ grantedAt }) => moment(grantedAt) },
            { name: t('credits.expires'), cell: ({ expiresAt }) => moment(expiresAt) },
            {
              name: t('column.action'),
              isNameHidden: true,
              isNumber: true,
              cell: ({ id, status, title }) =>
                status === 'available' && (
                  <button
                    type="button"
                    className="plain"
                    aria-label={t('credits.useName', { title: title ?? t('credits.untitled') })}
                    disabled={isBlocked}
                    onClick={() => onUse({ creditId: id })}
                  >
                    {t('credits.use')}
                  </button>
                ),
            },
          ]}
        />
      )}
    </>
  )
}

type PendingProps = { redemption: RedemptionView; nowMs: number; isBusy: boolean; onRepeat: () => void }

/** Only the one that is pending may be tried, under its own key: whatever it did is not done twice. */
function Pending({ redemption: { startedAt, error }, nowMs, isBusy, onRepeat }: PendingProps) {
  return (
    <div className="notice warn" role="status">
      <p>{t('credits.pending', { time: when(startedAt, nowMs) })}</p>
      {error !== null && <p className="small">{t('credits.pendingWhy', { error })}</p>}
      <button type="button" disabled={isBusy} onClick={onRepeat}>
        {t(isBusy ? 'state.working' : 'credits.repeat')}
      </button>
    </div>
  )
}

/** How the last one ended, for as long as the page is open. */
function Outcome({ redemption: { outcome, windowsReset, error } }: { redemption: RedemptionView }) {
  const tone = outcome === 'reset' ? 'ok' : outcome === 'failed' ? 'bad' : 'warn'
  const text =
    outcome === 'reset' && windowsReset !== null
      ? t('redeemed.resetCount', { count: windowsReset })
      : t(`redeemed.${outcome}`, { error: error ?? '' })
  return (
    <p className={`notice ${tone}`} role="status">
      {text}
    </p>
  )
}
