import { useId, useState } from 'react'
import { Fault, type FormProblem, faultOf } from './field.tsx'

type TagsFieldProps = {
  name: string
  label: string
  hint: string
  tags: readonly string[]
  /** Tags that are in use: each a button that adds it or takes it away. */
  known: readonly string[]
  error: FormProblem | null
  /** Names that are told apart by their case. */
  keepsCase?: boolean
  onChange: (tags: string[]) => void
}

/** Words with commas between them. */
export function TagsField({ name, label, hint, tags, known, error, keepsCase = false, onChange }: TagsFieldProps) {
  const id = useId()
  const [text, setText] = useState(tags.join(', '))
  // What is typed stays as it is, also "work, ", as long as it means what is given.
  const tagsIn = (typed: string) => wordsIn(keepsCase ? typed : typed.toLowerCase())
  const shown = tagsIn(text).join() === tags.join() ? text : tags.join(', ')
  const fault = faultOf(error, name)
  const change = (next: string[]) => {
    setText(next.join(', '))
    onChange(next)
  }
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        value={shown}
        autoCapitalize="none"
        autoComplete="off"
        aria-invalid={fault !== undefined}
        aria-describedby={`${id}-hint ${id}-fault`}
        onChange={(event) => {
          setText(event.target.value)
          onChange(tagsIn(event.target.value))
        }}
      />
      {known.length > 0 && (
        <div className="row chips">
          {known.map((tag) => (
            <button
              key={tag}
              type="button"
              aria-pressed={tags.includes(tag)}
              onClick={() => change(tags.includes(tag) ? tags.filter((one) => one !== tag) : [...tags, tag])}
            >
              {tag}
            </button>
          ))}
        </div>
      )}
      <p className="small" id={`${id}-hint`}>
        {hint}
      </p>
      <Fault id={`${id}-fault`} label={label} fault={fault} />
    </div>
  )
}

function wordsIn(text: string): string[] {
  const words = text.split(',').map((word) => word.trim())
  return [...new Set(words.filter((word) => word !== ''))]
}
