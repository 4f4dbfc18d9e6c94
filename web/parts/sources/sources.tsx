import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { ModelSourceView } from '../../../src/contract/model-sources.ts'
import { api } from '../../api.ts'
import { t } from '../../messages/index.ts'
import { queries } from '../../queries.ts'
import { Confirm } from '../../ui/dialog.tsx'
import { Section } from '../../ui/page.tsx'
import { Reorder } from '../../ui/reorder.tsx'
import { Empty, Loaded, Problem } from '../../ui/states.tsx'
import { toast } from '../../ui/toast.tsx'
import { Source } from './source.tsx'
import { SourceForm } from './source-form.tsx'

/** Providers behind the pool: how they do, what they cost, and a button that shows whether they answer. */
export function Sources() {
  const sources = useQuery(queries.modelSources())
  const [edited, setEdited] = useState<ModelSourceView | 'new' | null>(null)
  const [leaving, setLeaving] = useState<ModelSourceView | null>(null)
  return (
    <>
      <Section
        title={t('sources.title')}
        aside={
          <button type="button" onClick={() => setEdited('new')}>
            {t('sources.add')}
          </button>
        }
      >
        <p className="quiet">{t('sources.lead')}</p>
        <Loaded query={sources} what={t('what.sources')}>
          {({ items }) =>
            items.length === 0 ? (
              <Empty>{t('sources.none')}</Empty>
            ) : (
              <ul className="entries">
                {items.map((source) => (
                  <Source
                    key={source.id}
                    source={source}
                    onEdit={() => setEdited(source)}
                    onDelete={() => setLeaving(source)}
                  />
                ))}
              </ul>
            )
          }
        </Loaded>
      </Section>
      {(sources.data?.items.length ?? 0) > 1 && <Order sources={sources.data?.items ?? []} />}
      {edited !== null && <SourceForm source={edited === 'new' ? null : edited} onClose={() => setEdited(null)} />}
      {leaving !== null && <DeleteSource source={leaving} onClose={() => setLeaving(null)} />}
    </>
  )
}

function Order({ sources }: { sources: readonly ModelSourceView[] }) {
  const client = useQueryClient()
  const order = useMutation({
    mutationFn: api.orderModelSources,
    onSettled: () => client.invalidateQueries({ queryKey: ['model-sources'] }),
  })
  return (
    <Section title={t('sources.order')}>
      <p className="quiet">{t('sources.orderWhat')}</p>
      <Reorder
        label={t('sources.order')}
        places={sources.map(({ id, name }) => ({ id, name }))}
        onChange={order.mutate}
      />
      <Problem error={order.error} />
    </Section>
  )
}

function DeleteSource({ source: { id, name }, onClose }: { source: ModelSourceView; onClose: () => void }) {
  const client = useQueryClient()
  const remove = useMutation({
    mutationFn: () => api.removeModelSource(id),
    onSuccess() {
      toast(t('sources.deleted'))
      onClose()
    },
    onSettled: () => client.invalidateQueries({ queryKey: ['model-sources'] }),
  })
  return (
    <Confirm
      title={t('sources.deleteAsk', { name })}
      action={t('action.delete')}
      isBusy={remove.isPending}
      onConfirm={() => remove.mutate()}
      onClose={onClose}
    >
      <p>{t('sources.deleteWhat')}</p>
      <Problem error={remove.error} />
    </Confirm>
  )
}
