import { type ReactNode, useId, useState } from 'react'
import { t } from '../messages/index.ts'
import { Fault } from './field.tsx'
import { toast } from './toast.tsx'

type SegmentsProps<T extends string> = {
  label: string
  value: T
  options: readonly { value: T; label: string }[]
  onChange: (value: T) => void
}

/** One of a few, all of them in view. */
export function Segments<T extends string>({ label, value, options, onChange }: SegmentsProps<T>) {
  const name = useId()
  return (
    <fieldset className="segments">
      <legend className="hidden">{label}</legend>
      {options.map((option) => (
        <label key={option.value}>
          <input type="radio" name={name} checked={option.value === value} onChange={() => onChange(option.value)} />
          {option.label}
        </label>
      ))}
    </fieldset>
  )
}

type ChoicesProps<T extends string> = {
  label: string
  value: T
  /** `more` stands below the option while it is chosen. */
  options: readonly { value: T; label: string; what?: string; more?: ReactNode }[]
  onChange: (value: T) => void
}

/** One of several, each with a sentence that says what it does. */
export function Choices<T extends string>({ label, value, options, onChange }: ChoicesProps<T>) {
  const name = useId()
  return (
    <fieldset className="choices">
      <legend>{label}</legend>
      {options.map((option) => (
        <div key={option.value}>
          <label>
            <input type="radio" name={name} checked={option.value === value} onChange={() => onChange(option.value)} />
            <span>
              {option.label}
              {option.what !== undefined && <span className="small">{option.what}</span>}
            </span>
          </label>
          {option.value === value && option.more !== undefined && <div className="more stack">{option.more}</div>}
        </div>
      ))}
    </fieldset>
  )
}

type SwitchProps = { label: string; what: string; isOn: boolean; onChange: (isOn: boolean) => void }

/** On or off, with a sentence that says what that means. */
export function Switch({ label, what, isOn, onChange }: SwitchProps) {
  const id = useId()
  return (
    <div className="switch">
      <input
        type="checkbox"
        // biome-ignore lint/a11y/useAriaPropsForRole: a checkbox says by itself whether it is checked.
        role="switch"
        id={id}
        aria-describedby={`${id}-what`}
        checked={isOn}
        onChange={(event) => onChange(event.target.checked)}
      />
      <label htmlFor={id}>{label}</label>
      <p className="small" id={`${id}-what`}>
        {what}
      </p>
    </div>
  )
}

type SelectProps = {
  label: string
  value: string
  options: readonly { value: string; label: string }[]
  /** What is wrong with the choice. */
  fault?: string | undefined
  onChange: (value: string) => void
}

export function Select({ label, value, options, fault, onChange }: SelectProps) {
  const id = useId()
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <select
        id={id}
        value={value}
        aria-invalid={fault !== undefined}
        aria-describedby={`${id}-fault`}
        onChange={(event) => onChange(event.target.value)}
      >
        {options.map((option) => (
          <option key={option.value} value={option.value}>
            {option.label}
          </option>
        ))}
      </select>
      <Fault id={`${id}-fault`} label={label} fault={fault} />
    </div>
  )
}

/** Code to be taken elsewhere: where it goes, and a button that takes it. */
export function Copyable({ label, where, text }: { label: string; where: ReactNode; text: string }) {
  const [hint, setHint] = useState('')
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text)
      setHint('')
      toast(t('copy.done', { what: label }))
    } catch {
      // Browsers offer the clipboard on secure origins only, and plain http on another machine is none.
      setHint(t('copy.byHand'))
    }
  }
  return (
    <div className="copyable">
      <div className="row">
        <span className="small">{where}</span>
        <button type="button" aria-label={t('copy.label', { what: label })} onClick={copy}>
          {t('action.copy')}
        </button>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard. */}
      <pre tabIndex={0}>
        <code>{text}</code>
      </pre>
      {hint !== '' && (
        <p className="notice warn" role="status">
          {hint}
        </p>
      )}
    </div>
  )
}
