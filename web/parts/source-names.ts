import { useQuery } from '@tanstack/react-query'
import { t } from '../messages/index.ts'
import { queries } from '../queries.ts'

/** The name of a model source by its id; one that was deleted is called so. */
export function useSourceNames(): (id: string) => string {
  const { data } = useQuery(queries.modelSources())
  return (id) => data?.items.find((source) => source.id === id)?.name ?? t('request.unknownSource')
}
