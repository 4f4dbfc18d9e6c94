import { useMutation, useQueryClient } from '@tanstack/react-query'
import type { SessionView, TotpOffer } from '../../src/contract/session.ts'
import { api } from '../api.ts'
import { t } from '../messages/index.ts'
import { Copyable } from '../ui/controls.tsx'
import { Field, Form } from '../ui/field.tsx'
import { Problem } from '../ui/states.tsx'
import { toast } from '../ui/toast.tsx'

/** The second factor: set it up with an app, keep the recovery codes, switch it off. */
export function SecondFactor({ session }: { session: SessionView }) {
  const client = useQueryClient()
  const start = useMutation({ mutationFn: api.startTotp })
  const confirm = useMutation({
    mutationFn: api.confirmTotp,
    onSuccess() {
      start.reset()
      void client.invalidateQueries({ queryKey: ['session'] })
      void client.invalidateQueries({ queryKey: ['sessions'] })
    },
  })
  if (confirm.data) return <RecoveryCodes codes={confirm.data.recoveryCodes} onKept={confirm.reset} />
  if (session.totpConfigured) return <SwitchOff codesLeft={session.recoveryCodesLeft} />
  if (start.data) {
    return <SetUp offer={start.data} error={confirm.error} isBusy={confirm.isPending} onConfirm={confirm.mutate} />
  }
  return (
    <div className="stack">
      <p className="quiet">{t('totp.what')}</p>
      <Problem error={start.error} />
      <div>
        <button type="button" disabled={start.isPending} onClick={() => start.mutate()}>
          {t('totp.start')}
        </button>
      </div>
    </div>
  )
}

type SetUpProps = { offer: TotpOffer; error: Error | null; isBusy: boolean; onConfirm: (code: string) => void }

function SetUp({ offer, error, isBusy, onConfirm }: SetUpProps) {
  return (
    <div className="stack">
      <p className="quiet">{t('totp.scan')}</p>
      <img className="qr" src={offer.qrSvgDataUri} alt={t('totp.qr')} />
      <Copyable label={t('totp.secret')} where={t('totp.secretWhere')} text={offer.secret} />
      <Form
        label={t('totp.title')}
        submit={t('totp.confirm')}
        error={error}
        isBusy={isBusy}
        onSubmit={({ code = '' }) => onConfirm(code)}
      >
        <CodeField error={error} />
      </Form>
    </div>
  )
}

function CodeField({ error }: { error: Error | null }) {
  return (
    <Field
      name="code"
      label={t('field.code')}
      className="code-input"
      autoComplete="one-time-code"
      inputMode="numeric"
      error={error}
    />
  )
}

/** Shown once: they are stored as hashes only. */
function RecoveryCodes({ codes, onKept }: { codes: readonly string[]; onKept: () => void }) {
  return (
    <div className="stack">
      <p className="notice ok" role="status">
        {t('totp.on')}
      </p>
      <p className="quiet">{t('totp.codesWhat')}</p>
      <Copyable label={t('totp.codes')} where={t('totp.codes')} text={codes.join('\n')} />
      <div>
        <button type="button" className="main" onClick={onKept}>
          {t('totp.kept')}
        </button>
      </div>
    </div>
  )
}

function SwitchOff({ codesLeft }: { codesLeft: number }) {
  const client = useQueryClient()
  const { mutate, error, isPending } = useMutation({
    mutationFn: api.disableTotp,
    onSuccess() {
      toast(t('totp.off'))
      return client.invalidateQueries({ queryKey: ['session'] })
    },
  })
  return (
    <>
      <p className="tone-ok">{t('totp.isOn')}</p>
      <p className="quiet">{t('totp.codesLeft', { count: codesLeft })}</p>
      <Form
        label={t('totp.title')}
        submit={t('totp.disable')}
        error={error}
        isBusy={isPending}
        onSubmit={({ code = '' }) => mutate(code)}
      >
        <CodeField error={error} />
      </Form>
    </>
  )
}
