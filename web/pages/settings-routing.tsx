import { useQuery } from '@tanstack/react-query'
import { t } from '../messages/index.ts'
import { RoutingForm } from '../parts/routing/routing-form.tsx'
import { queries } from '../queries.ts'
import { Loaded } from '../ui/states.tsx'

/** How an account is chosen, and how long a thread stays with its own. */
export function RoutingSettings() {
  const settings = useQuery(queries.settings())
  return (
    <Loaded query={settings} what={t('what.settings')}>
      {(data) => <RoutingForm settings={data} />}
    </Loaded>
  )
}
