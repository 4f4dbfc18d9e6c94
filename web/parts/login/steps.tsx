import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { type ReactNode, useEffect } from 'react'
import type { SignInView } from '../../../src/contract/sign-ins.ts'
import { api } from '../../api.ts'
import { clock } from '../../format.ts'
import { t } from '../../messages/index.ts'
import { queries } from '../../queries.ts'
import { Copyable } from '../../ui/controls.tsx'
import { Loaded, Problem } from '../../ui/states.tsx'
import { planName } from '../standing.ts'
import { PasteForm } from './paste-form.tsx'
import { useStart } from './sign-ins.ts'

type Props = {
  id: string
  /** Another one was begun in its place. */
  onStarted: (id: string) => void
  /** Back to the choice of ways. */
  onBack: () => void
  /** What follows when it has worked. */
  done: ReactNode
}

/** One sign-in from its beginning to its end, as the server sees it; what another tab does shows here, too. */
export function SignInSteps(props: Props) {
  const flow = useQuery(queries.signIn(props.id))
  return (
    <Loaded query={flow} what={t('what.signIn')}>
      {(data) => (
        <section className="stack" aria-label={t('login.name')}>
          <Step flow={data} {...props} />
        </section>
      )}
    </Loaded>
  )
}

function Step({ flow, onStarted, onBack, done }: Props & { flow: SignInView }) {
  switch (flow.status) {
    case 'pending':
      return <Waiting flow={flow} onBack={onBack} />
    case 'exchanging':
      return <p role="status">{t('login.exchanging')}</p>
    case 'succeeded':
      return <Succeeded flow={flow} done={done} />
    default:
      return <Ended flow={flow} onStarted={onStarted} onBack={onBack} />
  }
}

function Waiting({ flow, onBack }: { flow: SignInView; onBack: () => void }) {
  const client = useQueryClient()
  const cancel = useMutation({
    mutationFn: () => api.cancelSignIn(flow.id),
    onSuccess: onBack,
    onSettled: () => client.invalidateQueries({ queryKey: ['sign-ins'] }),
  })
  return (
    <>
      {flow.method === 'browser' ? <InBrowser flow={flow} /> : <WithCode flow={flow} />}
      <div className="row between">
        <p className="small" role="status">
          {t('login.waiting', { time: clock(Date.parse(flow.expiresAt)) })}
        </p>
        <button type="button" className="plain" disabled={cancel.isPending} onClick={() => cancel.mutate()}>
          {t('login.cancel')}
        </button>
      </div>
      <Problem error={cancel.error} />
    </>
  )
}

/** The sign-in server sends the browser to `localhost`: that is the server's machine only where the page is opened there. */
function isHere(): boolean {
  return ['localhost', '127.0.0.1', '[::1]'].includes(location.hostname)
}

function InBrowser({ flow }: { flow: SignInView }) {
  const { authorizationUrl, listenerActive, listenerProblem } = flow
  const why = !isHere() ? 'elsewhere' : listenerActive ? null : listenerProblem === 'busy' ? 'busy' : 'off'
  return (
    <>
      <p>{t('login.opened')}</p>
      <a className="button main start" href={authorizationUrl ?? ''} target="_blank" rel="noopener noreferrer">
        {t('login.open')}
      </a>
      {why === null ? (
        <details>
          <summary>{t('login.stuck')}</summary>
          <PasteForm flow={flow} />
        </details>
      ) : (
        <>
          <p className="notice">{t(`login.${why}`)}</p>
          <PasteForm flow={flow} />
        </>
      )}
    </>
  )
}

function WithCode({ flow }: { flow: SignInView }) {
  return (
    <>
      <p>{t('login.typeCode')}</p>
      <div className="user-code">
        <Copyable label={t('login.userCode')} where={t('login.userCode')} text={flow.userCode ?? ''} />
      </div>
      <a className="button main start" href={flow.verificationUrl ?? ''} target="_blank" rel="noopener noreferrer">
        {t('login.openCode')}
      </a>
      <p className="small">{t('login.keepCode')}</p>
    </>
  )
}

function Succeeded({ flow: { result }, done }: { flow: SignInView; done: ReactNode }) {
  const client = useQueryClient()
  useEffect(() => {
    // A new account may bring new models.
    for (const queryKey of [['accounts'], ['models']]) void client.invalidateQueries({ queryKey })
  }, [client])
  const values = { name: result?.email ?? result?.accountId ?? '', plan: planName(result?.planType ?? '') }
  return (
    <>
      <p className="notice ok" role="status">
        {t(result?.outcome === 'updated' ? 'login.renewed' : 'login.added', values)}
      </p>
      <div className="row actions">
        {result !== null && (
          <Link to="/accounts/$accountId" params={{ accountId: result.accountId }} className="button">
            {t('login.show')}
          </Link>
        )}
        {done}
      </div>
    </>
  )
}

function Ended({ flow, onStarted, onBack }: Pick<Props, 'onStarted' | 'onBack'> & { flow: SignInView }) {
  const start = useStart(flow.accountId, onStarted)
  const title = flow.status === 'expired' || flow.status === 'cancelled' ? flow.status : 'failed'
  return (
    <>
      <div className={title === 'failed' ? 'notice bad' : 'notice warn'} role="alert">
        <p>
          <strong>{t(`login.${title}`)}</strong>
        </p>
        {flow.error !== null && <p>{flow.error.message}</p>}
      </div>
      <div className="row actions">
        <button type="button" onClick={onBack}>
          {t('login.otherWay')}
        </button>
        <button type="button" className="main" disabled={start.isPending} onClick={() => start.mutate(flow.method)}>
          {t('login.restart')}
        </button>
      </div>
      <Problem error={start.error} />
    </>
  )
}
