import { RoutingForm } from '../parts/routing/routing-form.tsx'
import { GroupPage } from '../parts/settings/group-page.tsx'

/** How an account is chosen, and how long a thread stays with its own. */
export function RoutingSettings() {
  return <GroupPage group="routing">{(group) => <RoutingForm group={group} />}</GroupPage>
}
