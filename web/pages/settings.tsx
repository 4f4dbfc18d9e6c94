import { Link, Outlet } from '@tanstack/react-router'
import { t } from '../messages/index.ts'
import { Page } from '../ui/page.tsx'

/** How is this server set up? */
export function SettingsPage() {
  return (
    <Page name={t('page.settings')} title={t('page.settings')}>
      <nav className="tabs" aria-label={t('settings.sections')}>
        <Link to="/settings/routing">{t('settings.routing')}</Link>
        <Link to="/settings/clients">{t('settings.clients')}</Link>
        <Link to="/settings/notifications">{t('settings.notifications')}</Link>
        <Link to="/settings/security">{t('settings.security')}</Link>
        <Link to="/settings/appearance">{t('settings.appearance')}</Link>
        <Link to="/settings/api">{t('settings.api')}</Link>
      </nav>
      <Outlet />
    </Page>
  )
}
