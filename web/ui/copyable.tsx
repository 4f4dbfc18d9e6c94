import { useState } from 'react'

type CopyableProps = {
  /** Names the text for who cannot see it. */
  label: string
  text: string
}

/** Code to be taken elsewhere, with a button that takes it. */
export function Copyable({ label, text }: CopyableProps) {
  const [said, setSaid] = useState<'' | 'Copied' | 'Select the text and copy it by hand'>('')
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text)
      setSaid('Copied')
    } catch {
      // Browsers offer the clipboard on secure origins only, and plain http on another machine is none.
      setSaid('Select the text and copy it by hand')
    }
    setTimeout(() => setSaid(''), 4_000)
  }
  return (
    <figure className="copyable">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard. */}
      <section aria-label={label} tabIndex={0}>
        <pre>
          <code>{text}</code>
        </pre>
      </section>
      <div className="actions">
        <button type="button" onClick={copy}>
          Copy
        </button>
        <span className="small" role="status">
          {said}
        </span>
      </div>
    </figure>
  )
}
