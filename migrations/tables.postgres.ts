import { tables } from '../src/store/schema.ts'

export const { accounts, credentials, usageSamples, requests, affinities, owners, settings, counters, meta } =
  tables.postgres
export const { signIn, recoveryCodes, sessions, passkeys, firewallEntries, firewallAreas } = tables.postgres
export const { usageHours, redemptions, catalogues } = tables.postgres
export const { responses, responseContents, responseEvents, responseItems } = tables.postgres
export const { audit } = tables.postgres
export const { apiKeys, apiKeyDays } = tables.postgres
export const { limitCounts, reservations, reservationHolders } = tables.postgres
export const { requestKinds, requestSumsNew, requestHours, requestDays } = tables.postgres
export const { notificationChannels, notificationRules, notifications, leases } = tables.postgres
export const { logins } = tables.postgres
export const { modelSources, modelSourceSpending, modelSourceReservations } = tables.postgres
export const { egressProxies, egressPools } = tables.postgres
export const { prices } = tables.postgres
