import { useQuery } from '@tanstack/react-query'
import { t } from '../../messages/index.ts'
import { queries } from '../../queries.ts'
import { Reorder } from '../../ui/reorder.tsx'
import { Loaded } from '../../ui/states.tsx'
import { planName } from '../standing.ts'

/** The order in which accounts are used up. Whoever is not placed yet stands at the end. */
export function DrainOrder({ order, onChange }: { order: readonly string[]; onChange: (ids: string[]) => void }) {
  const accounts = useQuery(queries.accounts())
  const placeOf = (id: string) => (order.includes(id) ? order.indexOf(id) : order.length)
  return (
    <Loaded query={accounts} what={t('what.accounts')}>
      {(data) => {
        if (data.accounts.length === 0) return <p className="small">{t('settings.drainNobody')}</p>
        const places = data.accounts
          .toSorted((a, b) => placeOf(a.accountId) - placeOf(b.accountId))
          .map(({ accountId, displayName, planType }) => ({
            id: accountId,
            name: displayName,
            isPlaced: order.includes(accountId),
            note: [planName(planType), ...(order.includes(accountId) ? [] : [t('settings.drainNew')])].join(' · '),
          }))
        return (
          <>
            <p className="small">{t(order.length === 0 ? 'settings.drainUnset' : 'settings.drainOrderHint')}</p>
            <Reorder label={t('settings.drainOrder')} places={places} onChange={onChange} />
          </>
        )
      }}
    </Loaded>
  )
}
