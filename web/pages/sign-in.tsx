import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { SessionView } from '../../src/contract/session.ts'
import { api } from '../api.ts'
import iconUrl from '../icon.svg'
import { t } from '../messages/index.ts'
import { browserHasPasskeys, signInWithPasskey } from '../passkeys.ts'
import { queries } from '../queries.ts'
import { DemoBand } from '../shell.tsx'
import { Field, Form } from '../ui/field.tsx'
import { Problem } from '../ui/states.tsx'

/** The door: a password, then a code where one is owed; or the first password, with the token from the log. */
export function SignIn({ session }: { session: SessionView }) {
  const step = session.proxyRequired
    ? 'proxy'
    : session.bootstrapRequired
      ? 'first'
      : session.totpRequiredOnLogin
        ? 'code'
        : 'password'
  const hasPasskeys = session.passkeysOffered && browserHasPasskeys()
  return (
    <>
      {session.demo && <DemoBand />}
      <main className="gate">
        <title>{`${t('signIn.name')} · codex-lb`}</title>
        <p className="brand">
          <img src={iconUrl} alt="" />
          codex-lb
        </p>
        {step === 'first' && <FirstPassword />}
        {step === 'proxy' && <ProxyFirst />}
        {step === 'password' && <Password hasPasskeys={hasPasskeys} />}
        {step === 'code' && <Code hasPasskeys={hasPasskeys} />}
      </main>
    </>
  )
}

/** The answer of each step says how the browser stands then. */
function useStep<Values>(act: (values: Values) => Promise<SessionView>) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: act,
    onSuccess: (session) => client.setQueryData(queries.session().queryKey, session),
  })
}

/** Nobody can sign in from here: the proxy has not said who it is. */
function ProxyFirst() {
  return (
    <div>
      <h1>{t('signIn.proxyTitle')}</h1>
      <p className="quiet">{t('signIn.proxyWhat')}</p>
    </div>
  )
}

function PasskeyButton({ label }: { label: string }) {
  const { mutate, error, isPending } = useStep(signInWithPasskey)
  return (
    <div className="stack">
      <button type="button" disabled={isPending} onClick={() => mutate()}>
        {isPending ? t('state.working') : label}
      </button>
      <Problem error={error} />
    </div>
  )
}

function Password({ hasPasskeys }: { hasPasskeys: boolean }) {
  const { mutate, error, isPending } = useStep(api.logIn)
  return (
    <>
      <h1>{t('signIn.title')}</h1>
      <Form
        label={t('signIn.name')}
        submit={t('signIn.submit')}
        error={error}
        isBusy={isPending}
        onSubmit={({ password = '' }) => mutate(password)}
      >
        <Field
          name="password"
          label={t('field.password')}
          type="password"
          autoComplete="current-password"
          autoFocus
          error={error}
        />
      </Form>
      {hasPasskeys && <PasskeyButton label={t('signIn.passkey')} />}
    </>
  )
}

function Code({ hasPasskeys }: { hasPasskeys: boolean }) {
  const [isRecovery, setRecovery] = useState(false)
  const { mutate, error, isPending } = useStep(api.giveCode)
  const leave = useLeave()
  const input = isRecovery
    ? { label: t('field.recoveryCode'), hint: t('signIn.recoveryHint'), autoComplete: 'off' }
    : {
        label: t('field.code'),
        hint: t('signIn.codeHint'),
        autoComplete: 'one-time-code',
        inputMode: 'numeric' as const,
      }
  return (
    <>
      <h1>{t('signIn.codeTitle')}</h1>
      <Form
        label={t('signIn.codeTitle')}
        submit={t('signIn.confirm')}
        error={error}
        isBusy={isPending}
        onSubmit={({ code = '' }) => mutate(code)}
      >
        <Field key={input.label} name="code" className="code-input" autoFocus error={error} {...input} />
      </Form>
      {hasPasskeys && <PasskeyButton label={t('signIn.passkeyForCode')} />}
      <div className="row">
        <button type="button" className="plain" onClick={() => setRecovery(!isRecovery)}>
          {t(isRecovery ? 'signIn.useCode' : 'signIn.useRecovery')}
        </button>
        <button type="button" className="plain" onClick={() => leave.mutate()}>
          {t('signIn.startOver')}
        </button>
      </div>
    </>
  )
}

function useLeave() {
  const client = useQueryClient()
  return useMutation({ mutationFn: api.logOut, onSettled: () => client.invalidateQueries({ queryKey: ['session'] }) })
}

function FirstPassword() {
  const { mutate, error, isPending } = useStep(api.setFirstPassword)
  return (
    <>
      <div>
        <h1>{t('firstPassword.title')}</h1>
        <p className="quiet">{t('firstPassword.why')}</p>
      </div>
      <Form
        label={t('firstPassword.title')}
        submit={t('firstPassword.submit')}
        error={error}
        isBusy={isPending}
        onSubmit={({ password = '', bootstrapToken = '' }) => mutate({ password, bootstrapToken })}
      >
        <Field
          name="bootstrapToken"
          label={t('field.bootstrapToken')}
          hint={t('firstPassword.tokenHint')}
          autoComplete="off"
          error={error}
        />
        <Field
          name="password"
          label={t('field.newPassword')}
          hint={t('field.newPasswordHint')}
          type="password"
          autoComplete="new-password"
          error={error}
        />
      </Form>
    </>
  )
}
