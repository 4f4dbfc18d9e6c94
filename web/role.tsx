import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { t } from './messages/index.ts'
import { queries } from './queries.ts'
import { Empty } from './ui/states.tsx'

/** Whether whoever looks may change things as well. */
export function useIsAdmin(): boolean {
  return useQuery(queries.session()).data?.role === 'admin'
}

/** What only an admin can use; viewers are told so in its place, or see nothing of it. */
export function AdminOnly({ children, isSilent = false }: { children: ReactNode; isSilent?: boolean }) {
  if (useIsAdmin()) return children
  return isSilent ? null : <Empty>{t('role.adminOnly')}</Empty>
}
