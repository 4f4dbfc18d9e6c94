import { tables } from '../src/store/schema.ts'

export const { accounts, credentials, usageSamples, requests, affinities, owners, settings, counters, meta } =
  tables.sqlite
export const { signIn, recoveryCodes, sessions, passkeys, firewallEntries, firewallAreas } = tables.sqlite
export const { usageHours, redemptions, catalogues } = tables.sqlite
export const { responses, responseContents, responseEvents, responseItems } = tables.sqlite
export const { audit } = tables.sqlite
export const { apiKeys, apiKeyDays } = tables.sqlite
export const { limitCounts, reservations, reservationHolders } = tables.sqlite
export const { requestKinds, requestSumsNew, requestHours, requestDays } = tables.sqlite
export const { notificationChannels, notificationRules, notifications, leases } = tables.sqlite
export const { logins } = tables.sqlite
export const { modelSources, modelSourceSpending, modelSourceReservations } = tables.sqlite
export const { egressProxies, egressPools } = tables.sqlite
export const { prices } = tables.sqlite
