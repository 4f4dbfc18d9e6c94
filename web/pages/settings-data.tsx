import { RetentionForm } from '../parts/retention/retention-form.tsx'
import { GroupPage } from '../parts/settings/group-page.tsx'

/** What is kept, and for how long. */
export function DataSettings() {
  return <GroupPage group="retention">{(group) => <RetentionForm group={group} />}</GroupPage>
}
