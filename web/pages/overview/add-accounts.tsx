import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useEffect, useEffectEvent, useId, useState } from 'react'
import { api, type Imported } from '../../api.ts'
import { messageOf } from '../../ui/states.tsx'

/** Takes auth.json files: dropped anywhere on the page, or picked. Says what became of each. */
export function AddAccounts() {
  const [isOver, setOver] = useState(false)
  const inputId = useId()
  const queries = useQueryClient()
  const upload = useMutation({
    mutationFn: api.import,
    onSettled: () => queries.invalidateQueries({ queryKey: ['accounts'] }),
  })
  const take = useEffectEvent((files: FileList | null | undefined) => {
    if (files && files.length > 0) upload.mutate([...files])
  })
  useEffect(() => {
    const over = (event: DragEvent) => {
      if (!event.dataTransfer?.types.includes('Files')) return
      event.preventDefault()
      setOver(true)
    }
    const leave = (event: DragEvent) => {
      if (event.relatedTarget === null) setOver(false)
    }
    const drop = (event: DragEvent) => {
      event.preventDefault()
      setOver(false)
      take(event.dataTransfer?.files)
    }
    window.addEventListener('dragover', over)
    window.addEventListener('dragleave', leave)
    window.addEventListener('drop', drop)
    return () => {
      window.removeEventListener('dragover', over)
      window.removeEventListener('dragleave', leave)
      window.removeEventListener('drop', drop)
    }
  }, [])

  return (
    <div className={isOver ? 'drop over' : 'drop'}>
      <label htmlFor={inputId}>
        <strong>Add accounts:</strong> drop auth.json files anywhere on this page, or choose them.
      </label>
      <input
        id={inputId}
        type="file"
        multiple
        accept=".json,application/json"
        disabled={upload.isPending}
        onChange={(event) => {
          const { files } = event.target
          if (files && files.length > 0) upload.mutate([...files])
          // The same file may be chosen again after it was mended.
          event.target.value = ''
        }}
      />
      <p className="small">
        Codex keeps its login in <code>~/.codex/auth.json</code>. OpenCode's auth.json works too. Add only accounts that
        are yours.
      </p>
      <div role="status">
        {upload.isPending && <p>Importing…</p>}
        {upload.error !== null && <p className="notice bad">{messageOf(upload.error)}</p>}
        {upload.data !== undefined && <Outcomes items={upload.data} />}
      </div>
    </div>
  )
}

const words: Record<Imported['outcome'], string> = {
  imported: 'added',
  updated: 'was here already; its login is renewed',
  rejected: 'not added',
}

function Outcomes({ items }: { items: readonly Imported[] }) {
  return (
    <ul className="outcomes">
      {items.map(({ file, outcome, email, planType, message }, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: one file may hold several accounts; the list never reorders.
        <li key={at} className={outcome === 'rejected' ? 'bad' : 'ok'}>
          <span aria-hidden="true">{outcome === 'rejected' ? '✕' : '✓'}</span>{' '}
          <span>
            <strong>{email ?? file}</strong>
            {planType !== null && ` (${planType})`} {[words[outcome], message].filter(Boolean).join(': ')}
          </span>
        </li>
      ))}
    </ul>
  )
}
