import { Channels } from '../parts/notifications/channels.tsx'
import { History } from '../parts/notifications/history.tsx'
import { Rules } from '../parts/notifications/rules.tsx'

/** Who is told of what, and what was told. */
export function NotificationSettings() {
  return (
    <div className="sections">
      <Channels />
      <Rules />
      <History />
    </div>
  )
}
