import { useQuery } from '@tanstack/react-query'
import { t } from '../messages/index.ts'
import { ClientsForm } from '../parts/clients/clients-form.tsx'
import { queries } from '../queries.ts'
import { Loaded } from '../ui/states.tsx'

/** What clients may do here, which models answer them, and what is kept of it. */
export function ClientSettings() {
  const settings = useQuery(queries.settings())
  return (
    <Loaded query={settings} what={t('what.settings')}>
      {(data) => <ClientsForm settings={data} />}
    </Loaded>
  )
}
