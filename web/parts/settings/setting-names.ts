import type { SettingsView } from '../../../src/contract/settings.ts'
import { type Key, t } from '../../messages/index.ts'

type Name = keyof SettingsView
type Place = { label: Key; to: SettingsPath; where: Key; hint?: Key }
type SettingsPath =
  | '/settings/routing'
  | '/settings/limits'
  | '/settings/clients'
  | '/settings/data'
  | '/settings/network'
  | '/keys'

const routing = { to: '/settings/routing', where: 'settings.group.routing' } as const
const limits = { to: '/settings/limits', where: 'settings.group.limits' } as const
const clients = { to: '/settings/clients', where: 'settings.group.clients' } as const
const data = { to: '/settings/data', where: 'settings.group.data' } as const

/** What each setting is called, and where it is changed; nothing for those that no page shows. */
const places: Partial<Record<Name, Place>> = {
  strategy: { label: 'settings.strategy', ...routing },
  relativePower: { label: 'settings.relativePower', ...routing },
  relativeTopK: { label: 'settings.relativeTopK', ...routing },
  singleAccountId: { label: 'settings.singleAccount', ...routing },
  drainOrder: { label: 'settings.drainOrder', ...routing },
  preferEarlierReset: { label: 'settings.earlier', ...routing },
  edgeShortPercent: { label: 'settings.edgeShort', ...routing },
  edgeLongPercent: { label: 'settings.edgeLong', ...routing },
  onlyTags: { label: 'settings.onlyTags', ...routing },
  planCapacities: { label: 'settings.capacities', hint: 'settings.capacitiesWhat', ...routing },
  slowStartMinutes: { label: 'settings.slowStart', ...routing },
  affinityMinutes: { label: 'settings.affinity', hint: 'settings.affinityHint', ...routing },
  defaultEgress: { label: 'way.title', hint: 'way.label', to: '/settings/network', where: 'settings.group.network' },
  maxStreams: { label: 'settings.maxStreams', ...limits },
  maxTurnStarts: { label: 'settings.maxTurnStarts', ...limits },
  waitSeconds: { label: 'settings.waitSeconds', ...limits },
  maxWaiting: { label: 'settings.maxWaiting', ...limits },
  priceListUrl: { label: 'settings.priceList', hint: 'settings.priceListHint', ...limits },
  resetCreditRule: { label: 'settings.resetRule', ...limits },
  webSockets: { label: 'settings.webSockets', hint: 'settings.webSocketsWhat', ...clients },
  claudeModels: { label: 'settings.claudeTable', hint: 'settings.claudeDefault', ...clients },
  requestLogDays: { label: 'settings.logDays', hint: 'retention.logs', ...data },
  requestDetailDays: { label: 'settings.detailDays', hint: 'retention.logs', ...data },
  usageHistoryDays: { label: 'settings.usageDays', hint: 'retention.logs', ...data },
  auditDays: { label: 'settings.auditDays', hint: 'retention.logs', ...data },
  keepResponses: { label: 'settings.keepResponses', hint: 'settings.keepWhat', ...data },
  keepResponseDays: { label: 'settings.keepDays', ...data },
  requireApiKeys: { label: 'settings.requireKeys', to: '/keys', where: 'settings.group.keys' },
}

export function settingName(name: Name): string {
  const place = places[name]
  return place === undefined ? name : t(place.label)
}

export type FoundSetting = { name: Name; label: string; where: string; to: SettingsPath }

/** Settings whose texts have every word that is typed. */
export function findSettings(typed: string): FoundSetting[] {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean)
  if (words.length === 0) return []
  return (Object.entries(places) as [Name, Place][]).flatMap(([name, { label, hint, to, where }]) => {
    const text = [t(label), hint ? t(hint) : '', t(where), name].join(' ').toLowerCase()
    return words.every((word) => text.includes(word)) ? [{ name, label: t(label), where: t(where), to }] : []
  })
}

/** A value of a setting in a few words. */
export function settingValue(value: unknown): string {
  if (value === true) return t('settings.value.on')
  if (value === false) return t('settings.value.off')
  if (value === null || value === '' || (Array.isArray(value) && value.length === 0)) return t('settings.value.none')
  if (typeof value === 'object') {
    const isShort = Array.isArray(value) && value.every((one) => typeof one === 'string' && one.length < 30)
    if (isShort && value.length <= 5) return (value as string[]).join(', ')
    return Object.keys(value).length === 0 ? t('settings.value.none') : t('settings.value.list')
  }
  return String(value)
}
