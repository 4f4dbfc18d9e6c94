import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type { ModelSourceView } from '../../../src/contract/model-sources.ts'
import { api } from '../../api.ts'
import { t } from '../../messages/index.ts'
import { queries } from '../../queries.ts'
import { DeleteDialog } from '../../ui/delete-dialog.tsx'
import { Entries } from '../../ui/entries.tsx'
import { Section } from '../../ui/page.tsx'
import { Reorder } from '../../ui/reorder.tsx'
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
      {(sources.data?.items.length ?? 0) > 1 && <Order sources={sources.data?.items ?? []} />}
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
