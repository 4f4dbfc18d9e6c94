import type { Health, Preferences, StoredAccount } from '../domain/account.ts'
import type { AffinityKind } from '../domain/affinity.ts'
import type { ApiKey, KeyUse } from '../domain/api-key.ts'
import type { AuditEntry, AuditFilter } from '../domain/audit.ts'
import type { EgressPool } from '../domain/egress.ts'
import type { EgressProxy } from '../domain/egress-proxy.ts'
import type { FirewallArea, FirewallEntry, FirewallMode, FirewallRules } from '../domain/firewall.ts'
import type { Passkey } from '../domain/passkey.ts'
import type { PriceSource, StoredPrice } from '../domain/price.ts'
import type { ReadingSource, WindowKind } from '../domain/quota.ts'
import type { Redemption } from '../domain/redemption.ts'
import type { OwnedObject } from '../domain/request.ts'
import type { Session } from '../domain/session.ts'
import type { GroupState, Settings, SettingsGroup, SettingsState } from '../domain/settings.ts'
import type { AccountStatistics } from '../domain/statistics.ts'
import type { StoredEvent, StoredKind, StoredName, StoredObject } from '../domain/stored.ts'
import type { HourOfUse } from '../domain/usage-hours.ts'
import type { Secret } from '../lib/secrets.ts'
import type { LedgerStore } from './ledger-store.ts'
import type { LoginStore } from './login-store.ts'
import type { ModelSourceStore } from './model-source-store.ts'
import type { NotificationStore } from './notification-store.ts'
import type { RequestStore, RequestSumStore } from './request-store.ts'
import type { RetentionStore } from './retention-store.ts'

/** The tokens of one account. `version` grows with each rotation; `refreshStartedAtMs` is set while a refresh is under way. */
export type Credential = {
  accountId: string
  accessToken: Secret
  refreshToken: Secret
  idToken: Secret | null
  /** When the access token ends, epoch ms; null when it does not say. */
  expiresAtMs: number | null
  version: number
  /** Set before a refresh token is sent. Still set after a restart: the token may have been spent. */
  refreshStartedAtMs: number | null
}

export type NewTokens = {
  accessToken: Secret
  refreshToken: Secret
  idToken: Secret | null
  expiresAtMs: number | null
}

/** What an imported file says about one account. `seat` is null when neither token names a user. */
export type ImportCandidate = {
  chatgptAccountId: string
  seat: string | null
  email: string | null
  plan: string
  workspaceId: string | null
  workspaceLabel: string | null
  tokens: NewTokens
  refreshedAtMs: number
}

export type ImportResult =
  | { kind: 'imported' | 'updated'; account: StoredAccount }
  /** Several stored accounts fit, or the refresh token already belongs to another identity. */
  | { kind: 'conflict'; reason: 'ambiguous_seat' | 'refresh_token_in_use' }
  /** It is not the account that it was to be. */
  | { kind: 'conflict'; reason: 'different_account' }

export type SignInState = {
  passwordHash: string | null
  /** Of those who may look, but change nothing. */
  viewerPasswordHash: string | null
  totpSecret: Secret | null
  recoveryCodesLeft: number
  bootstrapHash: string | null
}

/** One figure of one window, kept for trends. */
export type UsageSample = {
  accountId: string
  kind: WindowKind
  atMs: number
  usedPercent: number
  resetAtMs: number | null
  source: ReadingSource
}

export type UsageHour = HourOfUse

/** What the account's figures are at one moment. */
export type Figures = Pick<StoredAccount, 'windows' | 'meters' | 'credits' | 'limitReached' | 'burn'>

export type AffinityRow = {
  /** A digest: clients' own keys are not stored. */
  key: string
  kind: AffinityKind
  accountId: string
  /** Tokens that the account's prompt cache is taken to hold. */
  warmTokens: number
  usedAtMs: number
  expiresAtMs: number
}
export type AffinityFilter = { accountId?: string | undefined; kind?: AffinityKind | undefined }

/** The model list of one plan, as fetched last; entries as the upstream sent them. */
export type CatalogueRow = {
  plan: string
  clientVersion: string
  etag: string | null
  fetchedAtMs: number
  models: ({ slug: string } & Record<string, unknown>)[]
}
/** `keyId`: the client key that made the object; null: it was made on this machine without one. */
export type OwnerRow = OwnedObject & { accountId: string; keyId: string | null; expiresAtMs: number }

/** A response with those that it continues, newest first; not whole when one of them is not kept. */
export type StoredChain =
  | { kind: 'found'; objects: StoredObject[]; isWhole: boolean }
  /** `foreign`: another key has made it. */
  | { kind: 'unknown' | 'foreign' | 'too_large' }

export type StoredPage = {
  kind: StoredKind
  keyId: string | null
  /** Made since then. */
  sinceMs: number
  /** The id that the page before has ended with. */
  after: string | null
  order: 'asc' | 'desc'
  limit: number
  model?: string | undefined
  /** Each of these must be among the object's own. */
  metadata?: Record<string, string> | undefined
}

/** A kept response that has one of the items asked for, with the bytes of its content. */
export type ItemHolder = { itemId: string; responseId: string; bytes: number }

export type SettingsChangeBy = {
  by: GroupState['updatedBy']
  atMs: number
  /** Change nothing when the group has another version by now. */
  expected?: { group: SettingsGroup; version: number } | undefined
}
export type SettingsChanged =
  /** `state` is what counts now; `before`, what the change met. */
  { kind: 'changed'; before: Settings; state: SettingsState } | { kind: 'stale'; state: SettingsState }

export type Page<T> = { items: T[]; nextCursor: string | null }
/** `in_use`: nothing was removed, because these go that way. */
export type EgressRemoval =
  | { kind: 'removed' | 'unknown' }
  | { kind: 'in_use'; accountIds: string[]; poolIds: string[] }

/**
 * What survives a restart. Each method is one atomic unit of work: it happens whole or not at all, and no caller ever
 * holds a transaction. Values go in and out as domain values.
 */
export type Store = {
  accounts: {
    list(): Promise<StoredAccount[]>
    /** Changes whenever any account row was added, changed or removed by anybody. */
    version(): Promise<number>
    /**
     * Insert, or heal the row of the same identity: new tokens, sign-in cleared, history, pause and id kept. With
     * `onlyId`, nothing is written for any other account.
     */
    import(candidate: ImportCandidate, nowMs: number, onlyId?: string | null): Promise<ImportResult>
    saveHealth(id: string, health: Health): Promise<void>
    saveFigures(id: string, figures: Figures): Promise<void>
    saveStatistics(id: string, statistics: AccountStatistics): Promise<void>
    /** Null: no such account. */
    savePreferences(id: string, change: Partial<Preferences>): Promise<Preferences | null>
    savePlan(id: string, plan: string): Promise<void>
    /** Removes the account, its tokens, affinities, owners and samples; logged requests stay. False: no such account. */
    remove(id: string): Promise<boolean>
    /** Null when the account is gone. */
    credential(id: string): Promise<Credential | null>
    /** Mark that the refresh token of this version is about to be sent. False: another rotation came first, or one is under way. Durable. */
    beginRefresh(id: string, version: number, nowMs: number): Promise<boolean>
    /** Take the mark back: the token provably never left, or the server answered and refused without spending it. */
    abandonRefresh(id: string, version: number): Promise<void>
    /** Store rotated tokens, if the stored ones are still of `version`. False: somebody else was faster. Durable. */
    rotateCredential(id: string, version: number, next: NewTokens, nowMs: number): Promise<boolean>
  }
  usage: {
    add(samples: readonly UsageSample[]): Promise<void>
    /** Samples since a time, oldest first, at most one per window and hour (the last of the hour). */
    hourly(accountId: string, sinceMs: number): Promise<UsageSample[]>
    /** All samples since a time, and before another, oldest first; of one account, or of all. */
    since(sinceMs: number, accountId?: string, untilMs?: number): Promise<UsageSample[]>
    /** Hourly rollups since a time, oldest first; of one account, or of all. */
    hours(sinceMs: number, accountId?: string): Promise<UsageHour[]>
    /** Puts rollups in place of those of the same hour. */
    saveHours(hours: readonly UsageHour[]): Promise<void>
    /** Deletes at most `limit` samples older than a time; returns how many. */
    prune(beforeMs: number, limit: number): Promise<number>
  }
  requests: RequestStore
  /** Sums of requests, which outlive the log. Each request is part of them from the moment it is logged. */
  requestSums: RequestSumStore
  retention: RetentionStore
  /** Prices beside the built-in ones. */
  prices: {
    list(): Promise<StoredPrice[]>
    /** Changes whenever anybody changed one. */
    version(): Promise<number>
    save(prices: readonly StoredPrice[]): Promise<void>
    /** False: there is none. */
    remove(model: string, source: PriceSource): Promise<boolean>
  }
  /** What clients asked to be kept: responses and chat completions, content encrypted. */
  responses: {
    /** False: there is one of this id already. */
    add(object: StoredObject): Promise<boolean>
    get(name: StoredName): Promise<StoredObject | null>
    /** Follows `previousId` back, over what was made since a time. Content beyond `maxBytes` in all is too large. */
    chain(name: StoredName, bounds: { sinceMs: number; maxBytes: number }): Promise<StoredChain>
    /** The latest response that has each of these items, made by the key since a time; none for items that are not kept. */
    holders(keyId: string | null, itemIds: readonly string[], sinceMs: number): Promise<ItemHolder[]>
    /** Changes one that is still being made. False: it is over, or gone. */
    change(id: string, change: Partial<Pick<StoredObject, 'status' | 'output' | 'aliveUntilMs'>>): Promise<boolean>
    /** Signs of life for those that are being made here; returns the ids of which it still holds. */
    renew(ids: readonly string[], aliveUntilMs: number): Promise<string[]>
    /** At most `limit` that are being made, but whose maker has given no sign of life. */
    lost(nowMs: number, limit: number): Promise<StoredObject[]>
    setMetadata(name: StoredName, metadata: Record<string, string>): Promise<boolean>
    /** Removes content and events at once. False: there is none. */
    remove(name: StoredName): Promise<boolean>
    /** @throws AppError for an `after` that is not in the list */
    page(query: StoredPage): Promise<{ items: StoredObject[]; hasMore: boolean }>
    /** Events in the order of their sequence. False: the response is over, or gone. */
    addEvents(id: string, events: readonly StoredEvent[], nowMs: number): Promise<boolean>
    /** The next events after one, at most `rows` batches of them. */
    events(id: string, afterSequence: number, rows: number): Promise<StoredEvent[]>
    /** Of its last event; -1: it has none. */
    lastSequence(id: string): Promise<number>
    removeEvents(id: string): Promise<void>
    /** Deletes at most `limit` objects and as many batches of events from before a time; true when more may be left. */
    prune(before: { objectsMs: number; eventsMs: number }, limit: number): Promise<boolean>
  }
  affinity: {
    /** All rows that have not expired. */
    load(nowMs: number): Promise<{ affinities: AffinityRow[]; owners: OwnerRow[] }>
    save(rows: { affinities: readonly AffinityRow[]; owners: readonly OwnerRow[] }): Promise<void>
    /** The owner of one object, for what memory no longer knows. */
    owner(object: OwnedObject, nowMs: number): Promise<Pick<OwnerRow, 'accountId' | 'keyId'> | null>
    /** Rows that have not expired, the latest used first. */
    page(query: {
      limit: number
      cursor: string | null
      filter: AffinityFilter
      nowMs: number
    }): Promise<Page<AffinityRow>>
    /** Deletes soft rows: those named, or all that fit the filter. Returns their keys. */
    purge(which: { keys: readonly string[] } | { filter: AffinityFilter }): Promise<string[]>
    prune(nowMs: number): Promise<number>
  }
  /** What keys have used of their limits. */
  ledger: LedgerStore
  redemptions: {
    /** Newest first. */
    list(accountId: string, limit: number): Promise<Redemption[]>
    get(id: string): Promise<Redemption | null>
    /** Durable: the idempotency key must be known before it is sent. False: there is one of this id, or one that is pending for this account. */
    begin(redemption: Redemption): Promise<boolean>
    settle(id: string, outcome: Pick<Redemption, 'outcome' | 'error' | 'windowsReset' | 'settledAtMs'>): Promise<void>
  }
  /** Sign-ins with ChatGPT; what they prove themselves with is encrypted. */
  logins: LoginStore
  catalogues: {
    load(): Promise<CatalogueRow[]>
    save(row: CatalogueRow): Promise<void>
  }
  /** Client keys. Their secrets are not kept. */
  keys: {
    /** The oldest first. */
    list(): Promise<ApiKey[]>
    /** Changes whenever a key was added, changed or removed by anybody. */
    version(): Promise<number>
    /** False: there is one of this id or secret already. Durable. */
    add(key: ApiKey): Promise<boolean>
    /** Stores all but the last use, if the stored key is still of this revision. False: somebody else was faster. Durable. */
    change(key: ApiKey): Promise<boolean>
    /** Removes the key and its sums; logged requests stay. False: no such key. Durable. */
    remove(id: string): Promise<boolean>
    /** When keys were used last, by id; an earlier time changes nothing. */
    saveUses(uses: ReadonlyMap<string, number>): Promise<void>
    /** What each key has taken in its life, and on the days that began since a time. Keys without a request are left out. */
    use(sinceMs: number): Promise<Map<string, { lifetime: KeyUse; since: KeyUse }>>
  }
  modelSources: ModelSourceStore
  settings: {
    load(): Promise<SettingsState>
    /** Changes whenever anybody has changed a setting. */
    revision(): Promise<number>
    /** Changes what is named; a group of which nothing differs keeps its version. @throws ZodError for what is not valid */
    change(change: Partial<Settings>, how: SettingsChangeBy): Promise<SettingsChanged>
  }
  /** Ways out. Passwords are kept sealed. */
  egress: {
    load(): Promise<{ proxies: EgressProxy[]; pools: EgressPool[]; version: number }>
    /** Changes whenever anybody has changed a way out. */
    version(): Promise<number>
    /** Inserts it or puts it in place of the one with its id; the stored version grows. Names differ, whatever their case. */
    saveProxy(proxy: Omit<EgressProxy, 'version'>): Promise<'saved' | 'name_taken'>
    removeProxy(id: string): Promise<EgressRemoval>
    savePool(pool: EgressPool): Promise<'saved' | 'name_taken' | 'member_unknown'>
    removePool(id: string): Promise<EgressRemoval>
  }
  audit: {
    add(entry: AuditEntry): Promise<void>
    /** Newest first. */
    page(query: { limit: number; cursor: string | null; filter?: AuditFilter }): Promise<Page<AuditEntry>>
    /** Deletes at most `limit` entries older than a time; returns how many. */
    prune(beforeMs: number, limit: number): Promise<number>
  }
  notifications: NotificationStore
  /** Who may open the dashboard. There is one password, with an optional second factor. */
  signIn: {
    state(): Promise<SignInState>
    /** False: there is a password already. Ends the bootstrap token. */
    setFirstPassword(hash: string): Promise<boolean>
    /** Ends every session but the one that is kept. */
    changePassword(hash: string, keptIdHash: string): Promise<void>
    /** Takes away both passwords, second factor, recovery codes and passkeys, and ends every session. */
    clear(): Promise<void>
    /** Null: nobody gets in as a viewer. Ends the sessions of viewers. */
    setViewerPassword(hash: string | null): Promise<void>
    /** Replaces the second factor and its recovery codes, and ends every session but the one that is kept. */
    setTotp(
      totp: { secret: Secret; step: number; recoveryHashes: readonly string[] },
      keptIdHash: string,
    ): Promise<void>
    /** Takes the second factor and its codes away; sessions that still owe a code end. */
    clearTotp(): Promise<void>
    /** True once for each step, and never again for it or an earlier one: a code cannot be used twice. */
    takeTotpStep(step: number): Promise<boolean>
    /** True once for each code. */
    takeRecoveryCode(hash: string): Promise<boolean>
    setBootstrap(hash: string): Promise<void>
  }
  passkeys: {
    /** The oldest first. */
    list(): Promise<Passkey[]>
    /** False: there is one of this credential, or `most` are there already. */
    add(passkey: Passkey, most: number): Promise<boolean>
    rename(id: string, name: string): Promise<boolean>
    remove(id: string): Promise<boolean>
    /** Notes a use. False: it is gone, or its counter has not grown since, as that of a copy would not. */
    use(id: string, counter: number, nowMs: number): Promise<boolean>
  }
  firewall: {
    load(): Promise<FirewallRules>
    /** False: there is one of the same addresses, or `most` are there already. */
    add(entry: FirewallEntry, most: number): Promise<boolean>
    remove(id: string): Promise<boolean>
    setModes(modes: Partial<Record<FirewallArea, FirewallMode>>): Promise<void>
  }
  sessions: {
    add(session: Session): Promise<void>
    /** Null when it is unknown or has expired. */
    get(idHash: string, nowMs: number): Promise<Session | null>
    touch(idHash: string, lastSeenAtMs: number, expiresAtMs: number): Promise<void>
    /** Puts a session with another id in its place: a step up never keeps the old cookie. */
    replace(idHash: string, session: Session): Promise<void>
    end(idHash: string): Promise<boolean>
    endAll(keptIdHash: string | null): Promise<number>
    list(nowMs: number): Promise<Session[]>
    prune(nowMs: number): Promise<void>
  }
  /** Throws when the database cannot be used. */
  ping(): Promise<void>
  close(): Promise<void>
}
