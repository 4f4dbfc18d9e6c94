import { type QueryKey, useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'

/**
 * For a control that saves by itself: shows what was asked for from the press on, until the server has answered
 * and was read again. Calls go out one after the other, so that the last press is the one that stays.
 * `saved` comes from a query of the same component: only there is it fresh at the moment when it takes over again.
 */
export function useSavedAtOnce<T extends NonNullable<unknown>>(
  saved: T,
  save: (value: T) => Promise<unknown>,
  queryKey: QueryKey,
): { value: T; error: Error | null; change: (value: T) => void } {
  const client = useQueryClient()
  const [asked, setAsked] = useState<T>()
  const { mutate, error } = useMutation({
    mutationFn: save,
    scope: { id: JSON.stringify(queryKey) },
    onSettled: () => client.invalidateQueries({ queryKey }),
  })
  const change = (value: T) => {
    setAsked(value)
    mutate(value, { onSettled: () => setAsked(undefined) })
  }
  return { value: asked ?? saved, error, change }
}
