import { useQuery } from '@tanstack/react-query'
import type { ApiKeyView } from '../../../src/contract/api-keys.ts'
import { t } from '../../messages/index.ts'
import { queries } from '../../queries.ts'
import { Choices, Select } from '../../ui/controls.tsx'
import type { Draft } from '../../ui/draft.ts'
import { Field, type FormProblem, faultOf } from '../../ui/field.tsx'
import { TagsField } from '../../ui/tags-field.tsx'
import { type EditedLimit, LimitsField } from './limits-field.tsx'

/** What a person decides about a key, beside its name. */
export type KeyRules = Pick<
  ApiKeyView,
  | 'notes'
  | 'allowedModels'
  | 'enforcedModel'
  | 'enforcedEffort'
  | 'allowedEfforts'
  | 'enforcedServiceTier'
  | 'accountIds'
  | 'tags'
  | 'allowedAddresses'
  | 'poolSharePercent'
  | 'expiresAt'
> & { limits: EditedLimit[] }

export const noRules: KeyRules = {
  notes: null,
  allowedModels: null,
  enforcedModel: null,
  enforcedEffort: null,
  allowedEfforts: null,
  enforcedServiceTier: null,
  accountIds: null,
  tags: null,
  allowedAddresses: null,
  poolSharePercent: null,
  expiresAt: null,
  limits: [],
}

type Effort = NonNullable<KeyRules['enforcedEffort']>
type Tier = NonNullable<KeyRules['enforcedServiceTier']>
const efforts: readonly Effort[] = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max', 'ultra']
const tiers: readonly Tier[] = ['auto', 'default', 'flex', 'priority', 'ultrafast']

type Props = { draft: Draft<KeyRules>; error: FormProblem | null }

/** The rules of a key; none of them has to be filled in. */
export function KeyRulesFields({ draft, error }: Props) {
  const { values, set } = draft
  const models = useQuery(queries.models()).data?.models.map(({ id }) => id) ?? []
  const accounts = useQuery(queries.accounts()).data?.accounts ?? []
  const tags = [...new Set(accounts.flatMap((account) => account.tags))].toSorted()
  return (
    <div className="stack">
      <LimitsField limits={values.limits} error={error} onChange={(limits) => set('limits', limits)} />
      <TagsField
        name="allowedModels"
        label={t('key.models')}
        hint={t('key.modelsHint')}
        tags={values.allowedModels ?? []}
        known={models}
        keepsCase
        error={error}
        onChange={(list) => set('allowedModels', someOf(list))}
      />
      <Field
        name="enforcedModel"
        label={t('key.enforcedModel')}
        hint={t('key.enforcedModelHint')}
        required={false}
        autoCapitalize="none"
        autoComplete="off"
        value={values.enforcedModel ?? ''}
        error={error}
        onChange={({ target }) => set('enforcedModel', target.value.trim() || null)}
      />
      <EffortRule draft={draft} error={error} />
      <Select
        label={t('key.tier')}
        value={values.enforcedServiceTier ?? ''}
        options={[{ value: '', label: t('key.tier.any') }, ...tiers.map((value) => ({ value, label: value }))]}
        fault={faultOf(error, 'enforcedServiceTier')}
        onChange={(tier) => set('enforcedServiceTier', tier === '' ? null : (tier as Tier))}
      />
      <AccountsRule draft={draft} error={error} accounts={accounts} />
      {tags.length > 0 || values.tags !== null ? (
        <TagsField
          name="tags"
          label={t('key.tags')}
          hint={t('key.tagsHint')}
          tags={values.tags ?? []}
          known={tags}
          error={error}
          onChange={(list) => set('tags', someOf(list))}
        />
      ) : null}
      <TagsField
        name="allowedAddresses"
        label={t('key.addresses')}
        hint={t('key.addressesHint')}
        tags={values.allowedAddresses ?? []}
        known={[]}
        error={error}
        onChange={(list) => set('allowedAddresses', someOf(list))}
      />
      <div className="fields">
        <Field
          type="number"
          name="poolSharePercent"
          label={t('key.share')}
          hint={t('key.shareHint')}
          required={false}
          min={1}
          max={100}
          value={values.poolSharePercent ?? ''}
          error={error}
          onChange={({ target }) => set('poolSharePercent', target.value === '' ? null : target.valueAsNumber)}
        />
        <Field
          type="datetime-local"
          name="expiresAt"
          label={t('key.expiresAt')}
          hint={t('key.expiresHint')}
          required={false}
          value={values.expiresAt === null ? '' : localTime(values.expiresAt)}
          error={error}
          onChange={({ target }) => set('expiresAt', target.value === '' ? null : new Date(target.value).toISOString())}
        />
      </div>
      <Field
        name="notes"
        label={t('key.notes')}
        hint={t('key.notesHint')}
        required={false}
        maxLength={2_000}
        value={values.notes ?? ''}
        error={error}
        onChange={({ target }) => set('notes', target.value || null)}
      />
    </div>
  )
}

function EffortRule({ draft: { values, set }, error }: Props) {
  const { enforcedEffort: always, allowedEfforts: some } = values
  const rule = always !== null ? 'one' : some !== null ? 'some' : 'any'
  const choose = (next: 'any' | 'some' | 'one') => {
    set('enforcedEffort', next === 'one' ? 'medium' : null)
    set('allowedEfforts', next === 'some' ? ['low', 'medium'] : null)
  }
  return (
    <Choices
      label={t('key.effort')}
      value={rule}
      onChange={choose}
      options={[
        { value: 'any', label: t('key.effort.any') },
        {
          value: 'some',
          label: t('key.effort.some'),
          more: (
            <div className="row chips">
              {efforts.map((effort) => (
                <button
                  key={effort}
                  type="button"
                  aria-pressed={some?.includes(effort) ?? false}
                  onClick={() => set('allowedEfforts', toggled(some ?? [], effort))}
                >
                  {effort}
                </button>
              ))}
            </div>
          ),
        },
        {
          value: 'one',
          label: t('key.effort.one'),
          more: (
            <Select
              label={t('key.effortOf')}
              value={always ?? 'medium'}
              options={efforts.map((value) => ({ value, label: value }))}
              fault={faultOf(error, 'enforcedEffort')}
              onChange={(effort) => set('enforcedEffort', effort as Effort)}
            />
          ),
        },
      ]}
    />
  )
}

type AccountsProps = Props & { accounts: readonly { accountId: string; displayName: string }[] }

function AccountsRule({ draft: { values, set }, error, accounts }: AccountsProps) {
  const chosen = values.accountIds ?? []
  const fault = faultOf(error, 'accountIds')
  if (accounts.length === 0 && chosen.length === 0) return null
  return (
    <fieldset className="stack plain-set">
      <legend>{t('key.accounts')}</legend>
      <div className="row chips">
        {accounts.map(({ accountId, displayName }) => (
          <button
            key={accountId}
            type="button"
            aria-pressed={chosen.includes(accountId)}
            onClick={() => set('accountIds', someOf(toggled(chosen, accountId)))}
          >
            {displayName}
          </button>
        ))}
      </div>
      <p className="small">{t('key.accountsHint')}</p>
      {fault !== undefined && (
        <p className="small tone-bad" role="alert">
          {t('form.fault', { label: t('key.accounts'), fault })}
        </p>
      )}
    </fieldset>
  )
}

function toggled<T>(list: readonly T[], one: T): T[] {
  return list.includes(one) ? list.filter((other) => other !== one) : [...list, one]
}

/** An empty list is no rule. */
function someOf<T>(list: readonly T[]): T[] | null {
  return list.length === 0 ? null : [...list]
}

/** As the input of a browser wants it: local, without a zone. */
function localTime(moment: string): string {
  const at = new Date(moment)
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16)
}
