import { LimitsForm } from '../parts/limits/limits-form.tsx'
import { GroupPage } from '../parts/settings/group-page.tsx'

/** How much goes on at once. */
export function LimitSettings() {
  return <GroupPage group="limits">{(group) => <LimitsForm group={group} />}</GroupPage>
}
