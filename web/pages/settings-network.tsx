import { DefaultWay } from '../parts/network/default-way.tsx'
import { Pools } from '../parts/network/pools.tsx'
import { Proxies } from '../parts/network/proxies.tsx'
import { GroupPage } from '../parts/settings/group-page.tsx'

/** The ways by which accounts reach the upstream. */
export function NetworkSettings() {
  return (
    <div className="sections">
      <GroupPage group="routing">{(group) => <DefaultWay group={group} />}</GroupPage>
      <Proxies />
      <Pools />
    </div>
  )
}
