import { useQuery } from '@tanstack/react-query'
import type { SettingsView } from '../../../src/contract/settings.ts'
import { t } from '../../messages/index.ts'
import { queries } from '../../queries.ts'
import { Choices, Select } from '../../ui/controls.tsx'
import { type FormProblem, faultOf } from '../../ui/field.tsx'
import { NumberSetting } from '../settings/number-setting.tsx'
import type { SettingsDraft } from '../settings/settings-form.tsx'
import { DrainOrder } from './drain-order.tsx'
import { strategies } from './strategies.ts'

type Props = { draft: SettingsDraft; error: FormProblem | null }

/** All strategies; what can be set of the chosen one stands below it. */
export function StrategyChoice({ draft, error }: Props) {
  const more: Partial<Record<SettingsView['strategy'], React.ReactNode>> = {
    relative_availability: (
      <div className="fields">
        <NumberSetting name="relativePower" max={10} step="any" draft={draft} error={error} />
        <NumberSetting name="relativeTopK" min={1} max={20} draft={draft} error={error} />
      </div>
    ),
    single_account: <SingleAccount draft={draft} error={error} />,
    sequential_drain: (
      <DrainOrder order={draft.values.drainOrder} onChange={(order) => draft.set('drainOrder', order)} />
    ),
  }
  return (
    <Choices
      label={t('settings.strategy')}
      value={draft.values.strategy}
      options={strategies.map((value) => ({
        value,
        label: t(`strategy.${value}`),
        what: t(`strategy.${value}.what`),
        more: more[value],
      }))}
      onChange={(strategy) => {
        draft.set('strategy', strategy)
        // Nobody sees them any more, so nobody could mend them.
        draft.drop('relativePower', 'relativeTopK')
      }}
    />
  )
}

function SingleAccount({ draft, error }: Props) {
  const accounts = useQuery(queries.accounts())
  const chosen = draft.values.singleAccountId
  const known = (accounts.data?.accounts ?? []).map((one) => ({ value: one.accountId, label: one.displayName }))
  const isGone = chosen !== null && !known.some(({ value }) => value === chosen)
  return (
    <Select
      label={t('settings.singleAccount')}
      value={chosen ?? ''}
      options={[
        ...(chosen === null ? [{ value: '', label: t('settings.chooseAccount') }] : []),
        ...(isGone ? [{ value: chosen, label: t('settings.goneAccount') }] : []),
        ...known,
      ]}
      fault={faultOf(error, 'singleAccountId')}
      onChange={(id) => draft.set('singleAccountId', id === '' ? null : id)}
    />
  )
}
