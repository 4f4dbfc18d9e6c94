import type { Vault } from '../lib/secrets.ts'
import { createAccounts } from './accounts.ts'
import { createAffinity } from './affinity.ts'
import { createAudit } from './audit.ts'
import { createCatalogues } from './catalogues.ts'
import { createEgressStore } from './egress.ts'
import { createFirewall } from './firewall.ts'
import { checkKey } from './key-check.ts'
import { createKeys } from './keys.ts'
import { createLedgerStore } from './ledger.ts'
import { createLogins } from './logins.ts'
import { createModelSources } from './model-sources.ts'
import { createNotifications } from './notifications.ts'
import { createPasskeys } from './passkeys.ts'
import { createPriceTable } from './prices.ts'
import { createRedemptions } from './redemptions.ts'
import { createKinds } from './request-kinds.ts'
import { createCountIn, createRequestSums } from './request-sums.ts'
import { createRequests } from './requests.ts'
import { createResponses } from './responses.ts'
import { createRetention, type FreePages } from './retention.ts'
import { tables as everyEngine, type Tables } from './schema.ts'
import { createSessions } from './sessions.ts'
import { createSettings } from './settings.ts'
import { createSignIn } from './sign-in.ts'
import type { Store } from './store.ts'
import type { Unit } from './unit.ts'
import { createUsage } from './usage.ts'

type StoreParts = {
  tables: Tables
  unit: Unit
  vault: Vault
  /** Only SQLite has it. */
  freePages?: FreePages
  close: () => Promise<void>
}

/**
 * The store on an open database whose tables are up to date.
 * @throws KeyMismatchError
 */
export async function createStore({ tables, unit, vault, freePages, close }: StoreParts): Promise<Store> {
  await checkKey(tables, unit, vault)
  const kinds = createKinds(tables, unit)
  const countIn = createCountIn(tables, kinds)
  return {
    accounts: createAccounts(tables, unit, vault),
    usage: createUsage(tables, unit),
    requests: createRequests(tables, unit, countIn),
    prices: createPriceTable(tables, unit),
    retention: createRetention(tables, unit, freePages ?? null),
    requestSums: createRequestSums(tables, unit, kinds, countIn),
    responses: createResponses(tables, unit, vault),
    affinity: createAffinity(tables, unit),
    ledger: createLedgerStore(tables, unit, tables === everyEngine.postgres),
    redemptions: createRedemptions(tables, unit),
    catalogues: createCatalogues(tables, unit),
    keys: createKeys(tables, unit),
    logins: createLogins(tables, unit, vault),
    audit: createAudit(tables, unit),
    notifications: createNotifications(tables, unit, vault),
    modelSources: createModelSources(tables, unit, vault),
    settings: createSettings(tables, unit),
    egress: createEgressStore(tables, unit, vault),
    signIn: createSignIn(tables, unit, vault),
    sessions: createSessions(tables, unit),
    passkeys: createPasskeys(tables, unit),
    firewall: createFirewall(tables, unit),
    async ping() {
      await unit('ping', async (tx) => tx.select().from(tables.counters).limit(1))
    },
    close,
  }
}
