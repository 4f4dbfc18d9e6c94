import type { ReactNode } from 'react'
import { clock } from '../format.ts'
import { t } from '../messages/index.ts'

/** As much of an answer as the states need to know. */
export type Answer<T> = {
  data: T | undefined
  error: Error | null
  dataUpdatedAt: number
  refetch: () => unknown
}

type LoadedProps<T> = {
  query: Answer<T>
  /** What is loaded, in a sentence: "the accounts". */
  what: string
  children: (data: T) => ReactNode
}

/** Loading, failed, stale or there: the states of everything that is asked for. */
export function Loaded<T>({ query, what, children }: LoadedProps<T>) {
  const { data, error, dataUpdatedAt, refetch } = query
  if (data === undefined) {
    return error === null ? <Loading what={what} /> : <Failed what={what} error={error} onRetry={refetch} />
  }
  return (
    <>
      {error !== null && (
        <div className="notice warn" role="status">
          <p>{t('state.stale', { message: error.message, time: clock(dataUpdatedAt) })}</p>
          <button type="button" onClick={() => refetch()}>
            {t('action.retry')}
          </button>
        </div>
      )}
      {children(data)}
    </>
  )
}

function Loading({ what }: { what: string }) {
  return (
    <div className="skeleton" role="status">
      <span className="hidden">{t('state.loading', { what })}</span>
      <i />
      <i />
      <i />
    </div>
  )
}

function Failed({ what, error, onRetry }: { what: string; error: Error; onRetry: () => unknown }) {
  const { requestId = null } = error as { requestId?: string | null }
  return (
    <div className="notice bad" role="alert">
      <p>{t('state.failed', { what, message: error.message })}</p>
      {requestId !== null && <p className="small">{t('state.request', { id: requestId })}</p>}
      <button type="button" onClick={() => onRetry()}>
        {t('action.retry')}
      </button>
    </div>
  )
}

/** What a change that failed says, at its place. */
export function Problem({ error }: { error: Error | null }) {
  if (error === null) return null
  return (
    <p className="notice bad" role="alert">
      {error.message}
    </p>
  )
}

/** One sentence that says what will be here, and what fills it. */
export function Empty({ children }: { children: ReactNode }) {
  return <div className="notice">{children}</div>
}
