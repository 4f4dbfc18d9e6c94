import { useMutation, useQueryClient } from '@tanstack/react-query'
import type { SignInView } from '../../../src/contract/sign-ins.ts'
import { api } from '../../api.ts'

export type Method = SignInView['method']

/** Begins a sign-in, and shows its page in a tab of its own where the browser allows that. */
export function useStart(accountId: string | null, onStarted: (id: string) => void) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: async (method: Method) => {
      // Only a tab that is opened at once, on the click itself, is allowed; where it leads is known a moment later.
      const tab = method === 'browser' ? window.open('', '_blank') : null
      try {
        const flow = await api.startSignIn({ method, ...(accountId === null ? {} : { accountId }) })
        if (tab !== null && flow.authorizationUrl !== null) {
          tab.opener = null
          tab.location.replace(flow.authorizationUrl)
        }
        return flow
      } catch (error) {
        tab?.close()
        throw error
      }
    },
    onSuccess(flow) {
      client.setQueryData(['sign-ins', flow.id], flow)
      onStarted(flow.id)
    },
    onSettled: () => client.invalidateQueries({ queryKey: ['sign-ins'] }),
  })
}
