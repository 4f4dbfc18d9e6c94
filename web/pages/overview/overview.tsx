import { useQuery } from '@tanstack/react-query'
import { api } from '../../api.ts'
import { useNow } from '../../now.ts'
import { Loaded } from '../../ui/states.tsx'
import { standingOf } from '../../ui/status.tsx'
import { Accounts } from './accounts.tsx'
import { AddAccounts } from './add-accounts.tsx'
import { Connect } from './connect.tsx'
import { Requests } from './requests.tsx'

const requestsShown = 15

/** The first page: does it run, which accounts are fit, how to point a client here, and what happened last. */
export function Overview() {
  const nowMs = useNow()
  const session = useQuery({ queryKey: ['session'], queryFn: api.session })
  const accounts = useQuery({ queryKey: ['accounts'], queryFn: api.accounts })
  const requests = useQuery({ queryKey: ['requests'], queryFn: () => api.requests(requestsShown) })
  const reachable = !session.isError
  const list = accounts.data?.accounts ?? []
  const isEmpty = accounts.data !== undefined && list.length === 0

  return (
    <>
      <a className="skip" href="#main">
        Skip to the content
      </a>
      <header>
        <p className="brand">
          codex-lb <span className="small">{session.data?.version}</span>
        </p>
        <p className="small" role="status">
          <span className={reachable ? 'dot live' : 'dot'} aria-hidden="true" />{' '}
          {session.isPending ? 'Connecting' : reachable ? 'Running' : 'Not reachable'}
        </p>
      </header>
      <main id="main">
        {session.data?.demo && <p className="notice">This is a demo: the accounts and the upstream are simulated.</p>}
        {session.data?.authenticated === false && (
          <p className="notice warn">This server asks for a sign-in, which this page does not offer yet.</p>
        )}
        <h1>{sentence(accounts.data?.accounts, nowMs)}</h1>
        <section aria-labelledby="accounts-title">
          <h2 id="accounts-title">Accounts</h2>
          {!isEmpty && (
            <Loaded query={accounts} what="the accounts">
              {(data) => <Accounts accounts={data.accounts} nowMs={nowMs} />}
            </Loaded>
          )}
          <AddAccounts />
        </section>
        <section aria-labelledby="connect-title">
          <h2 id="connect-title">Connect a client</h2>
          <Connect />
        </section>
        <section aria-labelledby="requests-title">
          <h2 id="requests-title">Last requests</h2>
          <Loaded query={requests} what="the requests">
            {(data) => <Requests requests={data.items} accounts={list} />}
          </Loaded>
        </section>
      </main>
    </>
  )
}

type Listed = Parameters<typeof Accounts>[0]['accounts']

/** The page's question, answered in words. */
function sentence(accounts: Listed | undefined, nowMs: number): string {
  if (accounts === undefined) return 'Your accounts'
  if (accounts.length === 0) return 'Add your first account to begin.'
  const fit = accounts.filter((account) => ['Ready', 'Low'].includes(standingOf(account, nowMs).word)).length
  if (fit === accounts.length) return fit === 1 ? 'Your account can serve now.' : `All ${fit} accounts can serve now.`
  return `${fit === 0 ? 'None' : fit} of ${accounts.length} accounts can serve now.`
}
