import { useQuery } from '@tanstack/react-query'
import type { AccountView } from '../../../src/contract/accounts.ts'
import type { EgressPoolView, EgressProxyView } from '../../../src/contract/egress.ts'
import { t } from '../../messages/index.ts'
import { queries } from '../../queries.ts'

export type Way = AccountView['egress']
type Known = { proxies: readonly EgressProxyView[]; pools: readonly EgressPoolView[] }

/** All ways that there are; empty while they are not known, and for viewers, who may not see them. */
export function useWays(): Known {
  const session = useQuery(queries.session())
  const enabled = session.data?.role === 'admin'
  const proxies = useQuery({ ...queries.egressProxies(), enabled })
  const pools = useQuery({ ...queries.egressPools(), enabled })
  return { proxies: proxies.data?.items ?? [], pools: pools.data?.items ?? [] }
}

/** A way in words. */
export function wayText(way: Way | null, { proxies, pools }: Known): string {
  if (way === null || !('id' in way)) return t('way.direct')
  const found = (way.kind === 'proxy' ? proxies : pools).find(({ id }) => id === way.id)
  return found === undefined ? t('way.gone') : t(`way.${way.kind}`, { name: found.name })
}

/** As the value of a select. */
export function wayValue(way: Way | null): string {
  return way === null ? 'direct' : 'id' in way ? `${way.kind}:${way.id}` : way.kind
}

export function wayOf(value: string): Way {
  const [kind = '', id = ''] = value.split(':')
  if (kind === 'proxy' || kind === 'pool') return { kind, id }
  return { kind: kind === 'default' ? 'default' : 'direct' }
}

/** Every way to choose from, and the one that is chosen even when it is gone. */
export function wayOptions(known: Known, chosen: Way | null): { value: string; label: string }[] {
  const ways: Way[] = [
    { kind: 'direct' },
    ...known.proxies.map(({ id }): Way => ({ kind: 'proxy', id })),
    ...known.pools.map(({ id }): Way => ({ kind: 'pool', id })),
  ]
  const options = ways.map((way) => ({ value: wayValue(way), label: wayText(way, known) }))
  const value = wayValue(chosen)
  if (value === 'default' || options.some((one) => one.value === value)) return options
  return [...options, { value, label: wayText(chosen, known) }]
}
