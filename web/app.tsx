import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, Outlet } from '@tanstack/react-router'
import { useEffect } from 'react'
import type { SessionView } from '../src/contract/session.ts'
import { startLive } from './live.ts'
import { t } from './messages/index.ts'
import { SignIn } from './pages/sign-in.tsx'
import { queries } from './queries.ts'
import { Shell } from './shell.tsx'
import { Page } from './ui/page.tsx'
import { Loaded } from './ui/states.tsx'

/** Who is not signed in sees the sign-in page, at the address that was asked for; everybody else the page itself. */
export function App() {
  const session = useQuery(queries.session())
  if (session.data?.authenticated) return <SignedIn session={session.data} />
  if (session.data !== undefined) return <SignIn session={session.data} />
  return (
    <main className="gate">
      <Loaded query={session} what={t('what.dashboard')}>
        {() => null}
      </Loaded>
    </main>
  )
}

function SignedIn({ session }: { session: SessionView }) {
  const client = useQueryClient()
  useEffect(() => startLive(client), [client])
  return (
    <Shell session={session}>
      <Outlet />
    </Shell>
  )
}

export function Missing() {
  return (
    <Page name={t('missing.name')} title={t('missing.title')}>
      <p>
        <Link to="/">{t('missing.back')}</Link>
      </p>
    </Page>
  )
}
