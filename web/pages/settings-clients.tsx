import { ClientsForm } from '../parts/clients/clients-form.tsx'
import { GroupPage } from '../parts/settings/group-page.tsx'

/** What clients may do here, and which models answer them. */
export function ClientSettings() {
  return <GroupPage group="clients">{(group) => <ClientsForm group={group} />}</GroupPage>
}
