import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import type { SessionView } from '../src/contract/session.ts'
import { age } from './format.ts'
import iconUrl from './icon.svg'
import { t } from './messages/index.ts'
import { useNow } from './now.ts'
import { needsPerson } from './parts/standing.ts'
import { ThemeSwitch } from './parts/theme-switch.tsx'
import { ViewerSession } from './parts/viewer-session.tsx'
import { queries } from './queries.ts'
import { useIsAdmin } from './role.tsx'
import { Toasts } from './ui/toast.tsx'

type ShellProps = { session: SessionView; children: ReactNode }

/** The frame of every page: navigation, how live it is, and whether it is a demo. */
export function Shell({ session, children }: ShellProps) {
  const { demo, version, authMode, role } = session
  return (
    <div className="shell">
      <a className="skip" href="#main">
        {t('shell.skip')}
      </a>
      <header className="side">
        <div className="brand">
          <img src={iconUrl} alt="" />
          codex-lb
          <LiveDot />
        </div>
        <Navigation />
        <SideEnd version={version} isViewer={role === 'viewer'} />
      </header>
      <div className="content">
        {demo && <DemoBand />}
        {authMode === 'disabled' && <OpenBand />}
        <main id="main" tabIndex={-1}>
          {children}
        </main>
      </div>
      <Toasts />
    </div>
  )
}

export function DemoBand() {
  return (
    <aside className="demo-band" aria-label={t('shell.demoLabel')}>
      {t('shell.demo')}
    </aside>
  )
}

/** Whoever gets here may do everything, and should know it. */
function OpenBand() {
  return (
    <aside className="demo-band" aria-label={t('shell.openLabel')}>
      {t('shell.open')}
    </aside>
  )
}

function Navigation() {
  const isAdmin = useIsAdmin()
  const accounts = useQuery(queries.accounts())
  const needy = accounts.data?.accounts.filter(needsPerson).length ?? 0
  return (
    <nav className="nav" aria-label={t('shell.pages')}>
      <Link to="/" activeOptions={{ exact: true }}>
        {t('page.overview')}
      </Link>
      <Link to="/accounts">
        {t('page.accounts')}
        {needy > 0 && (
          <span className="count" title={t('shell.needy', { count: needy })}>
            {needy}
            <span className="hidden">{t('shell.needYou')}</span>
          </span>
        )}
      </Link>
      <Link to="/requests">{t('page.requests')}</Link>
      {isAdmin && <Link to="/keys">{t('page.keys')}</Link>}
      <Link to="/connect">{t('page.connect')}</Link>
      <Link to="/settings">{t('page.settings')}</Link>
    </nav>
  )
}

function LiveDot() {
  const nowMs = useNow()
  const { data } = useQuery(queries.live())
  const at = data?.lastEventAtMs ?? null
  const title = at === null ? t('live.noEvent') : t('live.lastEvent', { age: age(new Date(at).toISOString(), nowMs) })
  const state = data?.state ?? 'connecting'
  return (
    <span className="live" role="status" title={title}>
      <span className={state === 'live' ? 'dot on' : 'dot'} aria-hidden="true" />
      {t(`live.${state}`)}
    </span>
  )
}

function SideEnd({ version, isViewer }: { version: string; isViewer: boolean }) {
  const { data } = useQuery(queries.live())
  return (
    <div className="side-end">
      {data?.isOutdated && (
        <button type="button" onClick={() => location.reload()}>
          {t('shell.reload')}
        </button>
      )}
      {isViewer && <ViewerSession />}
      <ThemeSwitch />
      <p className="small">v{version}</p>
    </div>
  )
}
