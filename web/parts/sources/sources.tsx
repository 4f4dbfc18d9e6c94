import { useQuery } from '@tanstack/react-query'
import { api } from '../../api.ts'
import { t } from '../../messages/index.ts'
import { queries } from '../../queries.ts'
import { DeleteDialog } from '../../ui/delete-dialog.tsx'
import { Entries } from '../../ui/entries.tsx'
import { Section } from '../../ui/page.tsx'
import { Reorder } from '../../ui/reorder.tsx'
import { useSavedAtOnce } from '../../ui/saved-at-once.ts'
import { Problem } from '../../ui/states.tsx'
import { Source } from './source.tsx'
import { SourceForm } from './source-form.tsx'

/** Providers behind the pool: how they do, what they cost, and a button that shows whether they answer. */
export function Sources() {
  const sources = useQuery(queries.modelSources())
  return (
    <>
      <Entries
        title={t('sources.title')}
        lead={t('sources.lead')}
        add={t('sources.add')}
        query={sources}
        what={t('what.sources')}
        none={t('sources.none')}
        entry={(source, acts) => <Source key={source.id} source={source} {...acts} />}
        form={(source, onClose) => <SourceForm {...{ source, onClose }} />}
        deletion={({ id, name }, onClose) => (
          <DeleteDialog
            title={t('sources.deleteAsk', { name })}
            remove={() => api.removeModelSource(id)}
            done={t('sources.deleted')}
            queryKey={['model-sources']}
            onClose={onClose}
          >
            <p>{t('sources.deleteWhat')}</p>
          </DeleteDialog>
        )}
      />
      <Order />
    </>
  )
}

function Order() {
  const sources = useQuery(queries.modelSources()).data?.items ?? []
  const ids = sources.map(({ id }) => id)
  const order = useSavedAtOnce(ids, api.orderModelSources, ['model-sources'])
  if (sources.length < 2) return null
  const ordered = order.value.flatMap((id) => sources.filter((source) => source.id === id))
  return (
    <Section title={t('sources.order')}>
      <p className="quiet">{t('sources.orderWhat')}</p>
      <Reorder
        label={t('sources.order')}
        places={ordered.map(({ id, name }) => ({ id, name }))}
        onChange={order.change}
      />
      <Problem error={order.error} />
    </Section>
  )
}
