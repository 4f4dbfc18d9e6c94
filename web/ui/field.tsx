import { type FormEvent, type InputHTMLAttributes, type ReactNode, useEffect, useId, useState } from 'react'
import { t } from '../messages/index.ts'

/** What a server said about a form, as far as it is shown here. */
export type FormProblem = Error & {
  faults?: readonly { path: string; message: string }[]
  retryAfterSeconds?: number | null
}

type FormProps = {
  label: string
  submit: string
  error: FormProblem | null
  isBusy: boolean
  onSubmit: (values: Record<string, string>) => void
  children: ReactNode
}

/** A form that says what was wrong with it, and counts down where the server wants a pause. */
export function Form({ label, submit, error, isBusy, onSubmit, children }: FormProps) {
  const waitSeconds = useCountdown(error)
  const send = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const values = [...new FormData(event.currentTarget)].map(([name, value]) => [name, String(value)])
    onSubmit(Object.fromEntries(values))
  }
  const message = waitSeconds > 0 ? t('form.wait', { seconds: waitSeconds }) : error?.message
  return (
    <form className="form" aria-label={label} onSubmit={send}>
      {children}
      {message !== undefined && (error?.faults?.length ?? 0) === 0 && (
        <p className="notice bad" role="alert">
          {message}
        </p>
      )}
      <button type="submit" className="main" disabled={isBusy || waitSeconds > 0}>
        {isBusy ? t('state.working') : submit}
      </button>
    </form>
  )
}

type FieldProps = Omit<InputHTMLAttributes<HTMLInputElement>, 'name'> & {
  name: string
  label: string
  hint?: string
  error: FormProblem | null
}

/** One input with its label, and what the server said about it. */
export function Field({ name, label, hint, error, ...input }: FieldProps) {
  const id = useId()
  const fault = faultOf(error, name)
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {input.autoComplete === 'current-password' && (
        // There are no user names here, but password managers file by one.
        <input type="text" name="username" autoComplete="username" defaultValue="codex-lb" hidden />
      )}
      <input
        id={id}
        name={name}
        required
        aria-invalid={fault !== undefined}
        aria-describedby={`${id}-hint ${id}-fault`}
        {...input}
      />
      <p className="small" id={`${id}-hint`}>
        {hint}
      </p>
      <Fault id={`${id}-fault`} label={label} fault={fault} />
    </div>
  )
}

/** What was said about a field, or about a part of it: `tags.0` is of `tags`. */
export function faultOf(error: FormProblem | null, name: string): string | undefined {
  return error?.faults?.find(({ path }) => path === name || path.startsWith(`${name}.`))?.message
}

/** The place of a fault under its field. It is there before there is a fault, for those who are told of changes. */
export function Fault({ id, label, fault }: { id: string; label: string; fault: string | undefined }) {
  return (
    <p className="small tone-bad" id={id} role={fault === undefined ? undefined : 'alert'}>
      {fault === undefined ? '' : t('form.fault', { label, fault })}
    </p>
  )
}

function useCountdown(error: FormProblem | null): number {
  const [left, setLeft] = useState(0)
  useEffect(() => {
    const untilMs = Date.now() + (error?.retryAfterSeconds ?? 0) * 1_000
    const count = () => setLeft(Math.max(0, Math.ceil((untilMs - Date.now()) / 1_000)))
    count()
    const timer = setInterval(count, 500)
    return () => clearInterval(timer)
  }, [error])
  return left
}
