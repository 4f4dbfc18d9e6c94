import type { UseQueryResult } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { ApiError } from '../api.ts'
import { clock } from '../format.ts'

type LoadedProps<T> = {
  query: UseQueryResult<T>
  /** What the list is called in a sentence: "the accounts". */
  what: string
  children: (data: T) => ReactNode
}

/** Loading, failed, stale or there: the states that everything which was asked for can be in. */
export function Loaded<T>({ query, what, children }: LoadedProps<T>) {
  const { data, error, dataUpdatedAt, refetch } = query
  if (data === undefined) {
    return error === null ? <Loading what={what} /> : <Failed what={what} error={error} onRetry={() => refetch()} />
  }
  return (
    <>
      {error !== null && (
        <p className="notice warn" role="status">
          {messageOf(error)} What is shown is from {clock(dataUpdatedAt)}.
        </p>
      )}
      {children(data)}
    </>
  )
}

function Loading({ what }: { what: string }) {
  return (
    <div className="skeleton" role="status">
      <span className="hidden">Loading {what}</span>
      <i />
      <i />
      <i />
    </div>
  )
}

export function Failed({ what, error, onRetry }: { what: string; error: Error; onRetry: () => void }) {
  const requestId = error instanceof ApiError ? error.requestId : null
  return (
    <div className="notice bad" role="alert">
      <p>
        Could not load {what}. {messageOf(error)}
      </p>
      {requestId !== null && <p className="small">Request {requestId}</p>}
      <button type="button" onClick={onRetry}>
        Try again
      </button>
    </div>
  )
}

export function messageOf(error: Error): string {
  return error instanceof ApiError ? error.message : 'Something went wrong in this page.'
}
