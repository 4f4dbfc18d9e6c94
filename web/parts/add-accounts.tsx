import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useEffect, useEffectEvent, useId, useState } from 'react'
import { api, type Imported } from '../api.ts'
import { t } from '../messages/index.ts'
import { Icon } from '../ui/icon.tsx'
import { Problem } from '../ui/states.tsx'
import { planName } from './standing.ts'

/** Files on their way in, and what became of them. */
export type Upload = {
  items: readonly Imported[] | undefined
  error: Error | null
  isPending: boolean
  take: (files: FileList | null | undefined) => void
  reset: () => void
}

export function useUpload(): Upload {
  const client = useQueryClient()
  const upload = useMutation({
    mutationFn: api.importFiles,
    onSettled() {
      // New accounts may bring new models.
      void client.invalidateQueries({ queryKey: ['models'] })
      return client.invalidateQueries({ queryKey: ['accounts'] })
    },
  })
  const { data: items, error, isPending, reset } = upload
  return {
    ...{ items, error, isPending, reset },
    take(files) {
      if (files && files.length > 0) upload.mutate([...files])
    },
  }
}

/** Takes auth.json files that are dropped or picked. Says what became of each. */
export function ImportDoor({ upload, isOver }: { upload: Upload; isOver: boolean }) {
  const inputId = useId()
  return (
    <div className="stack">
      <div className={isOver ? 'drop over' : 'drop'}>
        <label htmlFor={inputId}>
          <strong>{t('add.title')}</strong> {t('add.how')}
        </label>
        <input
          id={inputId}
          type="file"
          multiple
          accept=".json,application/json"
          disabled={upload.isPending}
          onChange={(event) => {
            upload.take(event.target.files)
            // The same file may be chosen again after it was mended.
            event.target.value = ''
          }}
        />
        <p className="small">{t('add.where')}</p>
      </div>
      <div role="status">
        {upload.isPending && <p>{t('add.working')}</p>}
        {upload.items !== undefined && <Outcomes items={upload.items} />}
      </div>
      <Problem error={upload.error} />
    </div>
  )
}

/** Files dropped anywhere in the window; true while some hang over it. */
export function useDrop(take: (files: FileList | undefined) => void): boolean {
  const [isOver, setOver] = useState(false)
  const onDrop = useEffectEvent((event: DragEvent) => take(event.dataTransfer?.files))
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
      onDrop(event)
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
  return isOver
}

function Outcomes({ items }: { items: readonly Imported[] }) {
  return (
    <ul className="outcomes" aria-label={t('add.outcomes')}>
      {items.map(({ file, outcome, email, planType, message }, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: one file may hold several accounts; the list never reorders.
        <li key={at} className={outcome === 'rejected' ? 'tone-bad' : 'tone-ok'}>
          <Icon name={outcome === 'rejected' ? 'cross' : 'tick'} />
          <span>
            <strong>{email ?? file}</strong>
            {planType === null ? '' : ` (${planName(planType)})`}: {t(`add.${outcome}`)}
            {message === null ? '' : `, ${message}`}
          </span>
        </li>
      ))}
    </ul>
  )
}
