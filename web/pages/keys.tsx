import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { ApiKeyView } from '../../src/contract/api-keys.ts'
import { t } from '../messages/index.ts'
import { KeyAccess } from '../parts/keys/key-access.tsx'
import { KeyTable } from '../parts/keys/key-table.tsx'
import { NewKey } from '../parts/keys/new-key.tsx'
import { queries } from '../queries.ts'
import { Page, Section } from '../ui/page.tsx'
import { Empty, Loaded } from '../ui/states.tsx'

/** Who may use the pool, and how much? */
export function KeysPage() {
  const keys = useQuery(queries.apiKeys())
  const [isCreating, setCreating] = useState(false)
  const create = (
    <button type="button" className="main" onClick={() => setCreating(true)}>
      {t('keys.create')}
    </button>
  )
  return (
    <Page name={t('page.keys')} title={titleOf(keys.data?.items)} lead={t('keys.lead')} actions={create}>
      <Section title={t('keys.all')}>
        <Loaded query={keys} what={t('what.keys')}>
          {({ items }) => (items.length === 0 ? <Empty>{t('keys.none')}</Empty> : <KeyTable keys={items} />)}
        </Loaded>
      </Section>
      <Section title={t('keys.access')}>
        <KeyAccess hasActive={keys.data?.items.some(({ status }) => status === 'active') ?? false} />
      </Section>
      {isCreating && <NewKey onClose={() => setCreating(false)} />}
    </Page>
  )
}

function titleOf(keys: readonly ApiKeyView[] | undefined): string {
  if (keys === undefined) return t('page.keys')
  const count = keys.filter(({ status }) => status === 'active').length
  if (keys.length === 0) return t('keys.titleNone')
  return count === 0 ? t('keys.titleOff') : t('keys.title', { count })
}
