import { Link, Outlet, useMatches } from '@tanstack/react-router'
import { t } from '../messages/index.ts'
import { FindSetting } from '../parts/settings/find-setting.tsx'
import { ViewerSession } from '../parts/viewer-session.tsx'
import { AdminOnly, useIsAdmin } from '../role.tsx'
import { Page } from '../ui/page.tsx'

/** What viewers may see of the settings. */
const open: ReadonlySet<string> = new Set(['/settings/appearance', '/settings/api'])

/** How is this server set up? */
export function SettingsPage() {
  const isAdmin = useIsAdmin()
  // By what the outlet shows, which follows the address only once the page has come.
  const isOwn = useMatches({ select: (matches) => matches.some(({ fullPath }) => open.has(fullPath)) })
  return (
    <Page name={t('page.settings')} title={t('page.settings')} actions={<FindSetting />}>
      <nav className="tabs" aria-label={t('settings.sections')}>
        {isAdmin && (
          <>
            <Link to="/settings/routing">{t('settings.routing')}</Link>
            <Link to="/settings/limits">{t('settings.limits')}</Link>
            <Link to="/settings/clients">{t('settings.clients')}</Link>
            <Link to="/settings/network">{t('settings.network')}</Link>
            <Link to="/settings/data">{t('settings.data')}</Link>
            <Link to="/settings/sources">{t('settings.sources')}</Link>
            <Link to="/settings/notifications">{t('settings.notifications')}</Link>
            <Link to="/settings/security">{t('settings.security')}</Link>
          </>
        )}
        <Link to="/settings/appearance">{t('settings.appearance')}</Link>
        <Link to="/settings/api">{t('settings.api')}</Link>
      </nav>
      {!isAdmin && <ViewerSession />}
      {isOwn ? (
        <Outlet />
      ) : (
        <AdminOnly>
          <Outlet />
        </AdminOnly>
      )}
    </Page>
  )
}
