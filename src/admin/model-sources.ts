import { isIP } from 'node:net'
import {
  ModelSourceChange,
  ModelSourceList,
  ModelSourceModels,
  ModelSourceOrder,
  ModelSourceParams,
  ModelSourceTest,
  ModelSourceView,
  NewModelSource,
} from '../contract/model-sources.ts'
import type { SourceDefinition } from '../domain/model-source.ts'
import { AppError } from '../errors.ts'
import { refusalOfAddress } from '../lib/addresses.ts'
import type { Clock } from '../lib/clock.ts'
import { randomId, Secret } from '../lib/secrets.ts'
import type { SourceClient } from '../sources/client.ts'
import { restEndOf } from '../sources/health.ts'
import { listModels, type Probe, probeSource } from '../sources/probe.ts'
import type { ModelSources } from '../sources/sources.ts'
import type { ModelSource } from '../store/model-source-store.ts'
import type { Store } from '../store/store.ts'
import { iso } from './account-views.ts'
import { route } from './route.ts'

export type ModelSourcesDeps = {
  store: Pick<Store, 'modelSources'>
  sources: ModelSources
  sourceClient: SourceClient
  clock: Clock
  /** Told after every change. */
  onChanged: () => void
}

const path = '/api/model-sources'

export function modelSourceRoutes(deps: ModelSourcesDeps) {
  const { store, sources, sourceClient, clock, onChanged } = deps
  const known = (id: string): ModelSource => {
    const source = sources.get(id)
    if (source === null) throw new AppError('model_source_not_found')
    return source
  }
  const viewOf = async (source: ModelSource) => {
    await sources.flush()
    const spent = await store.modelSources.spent(source.id, clock.now())
    return sourceView(source, spent, sources.inFlight(source.id), clock.now())
  }
  const changed = async () => {
    await sources.load()
    onChanged()
  }
  const report = (id: string, probe: Probe) =>
    sources.report(id, probe.ok ? { kind: 'ok' } : { kind: 'failed', code: probe.code, message: probe.message })
  return [
    route(
      { method: 'GET', path, access: 'viewer', summary: 'Model sources, as they are asked', answer: ModelSourceList },
      async () => ({ items: await Promise.all(sources.all().map(viewOf)), nextCursor: null }),
    ),
    route(
      {
        ...{ method: 'POST', path, access: 'admin', audit: 'model_source.create', status: 201 },
        summary: 'Add a model source',
        body: NewModelSource,
        answer: ModelSourceView,
      },
      async ({ body: { apiKey, ...definition }, audit }) => {
        check(definition)
        const key = apiKey === null ? null : new Secret(apiKey)
        const added = await store.modelSources.add(randomId('src_'), definition, key, clock.now())
        if (added === null) throw nameTaken(definition.name)
        await changed()
        audit({ target: { kind: 'model_source', id: added.id }, after: audited(added) })
        return viewOf(added)
      },
    ),
    route(
      {
        ...{ method: 'POST', path: `${path}/order`, access: 'admin', audit: 'model_source.order' },
        summary: 'Put the model sources in order: the first is asked first',
        body: ModelSourceOrder,
        answer: ModelSourceList,
      },
      async ({ body: { ids }, audit }) => {
        const before = sources.all().map(({ id }) => id)
        if (!(await store.modelSources.order(ids))) {
          const message = 'Name every model source once.'
          throw new AppError('invalid_request', { message, fields: [{ path: 'ids', message }] })
        }
        await changed()
        audit({ before: { ids: before }, after: { ids } })
        return { items: await Promise.all(sources.all().map(viewOf)), nextCursor: null }
      },
    ),
    route(
      {
        ...{ method: 'GET', path: `${path}/:id`, access: 'viewer', summary: 'One model source' },
        params: ModelSourceParams,
        answer: ModelSourceView,
      },
      async ({ params }) => viewOf(known(params.id)),
    ),
    route(
      {
        ...{ method: 'PATCH', path: `${path}/:id`, access: 'admin', audit: 'model_source.change' },
        summary: 'Change what is named; a key of null takes it away',
        params: ModelSourceParams,
        body: ModelSourceChange,
        answer: ModelSourceView,
      },
      async ({ params, body, audit }) => {
        const before = known(params.id)
        const next = changedDefinition(before, body)
        check(next)
        checkKeyStays(before, next, body.apiKey)
        const key = body.apiKey == null ? body.apiKey : new Secret(body.apiKey)
        const after = await store.modelSources.change(params.id, next, key)
        if (after === 'name_taken') throw nameTaken(next.name)
        if (after === null) throw new AppError('model_source_not_found')
        await changed()
        audit({ before: audited(before), after: { ...audited(after), keyChanged: body.apiKey !== undefined } })
        return viewOf(sources.get(params.id) ?? after)
      },
    ),
    route(
      {
        ...{ method: 'DELETE', path: `${path}/:id`, access: 'admin', audit: 'model_source.delete', status: 204 },
        summary: 'Remove a model source with its key and what it has cost; logged requests stay',
        params: ModelSourceParams,
        answer: undefined,
      },
      async ({ params, audit }) => {
        const before = known(params.id)
        if (!(await store.modelSources.remove(params.id))) throw new AppError('model_source_not_found')
        await changed()
        audit({ before: audited(before) })
      },
    ),
    route(
      {
        ...{ method: 'POST', path: `${path}/:id/test`, access: 'admin', audit: 'model_source.test' },
        summary: 'Ask the source for its models, or for two words, and say what is wrong',
        params: ModelSourceParams,
        answer: ModelSourceTest,
      },
      async ({ params, audit }) => {
        const startedAtMs = clock.now()
        const probe = await probeSource(known(params.id), sourceClient)
        report(params.id, probe)
        onChanged()
        const { ok, message, status } = probe
        const code = probe.ok ? null : probe.code
        audit({ after: { ok, code } })
        const missingModels = probe.ok ? probe.missing : []
        return { ok, message, code, status, missingModels, tookMs: clock.now() - startedAtMs }
      },
    ),
    route(
      {
        ...{ method: 'GET', path: `${path}/:id/models`, access: 'admin' },
        summary: 'The models that the source says it has',
        params: ModelSourceParams,
        answer: ModelSourceModels,
      },
      async ({ params }) => {
        const probe = await listModels(known(params.id), sourceClient)
        if (!probe.ok) throw new AppError('source_unavailable', { message: probe.message })
        return { items: probe.models ?? [] }
      },
    ),
  ]
}

function changedDefinition(before: ModelSource, change: ReturnType<typeof ModelSourceChange.parse>): SourceDefinition {
  const { supports, budget, apiKey: _apiKey, ...others } = change
  const { name, baseUrl, allowPrivateAddress, isActive, use, models, timeoutSeconds, maxConcurrency } = before
  return {
    ...{ name, baseUrl, allowPrivateAddress, isActive, use, models, timeoutSeconds, maxConcurrency },
    ...given(others),
    supports: { ...before.supports, ...given(supports ?? {}) },
    budget: { ...before.budget, ...given(budget ?? {}) },
  }
}

/** Without what is not given: an undefined would put itself in the place of what is there. */
function given<T extends object>(fields: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  // Only what is undefined is left out, which is what the type says.
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never
}

/** What the fields mean together. @throws AppError naming each field at fault */
function check({ baseUrl, allowPrivateAddress, supports, use }: SourceDefinition): void {
  const fields: { path: string; message: string }[] = []
  const host = new URL(baseUrl).hostname.replace(/^\[|\]$/g, '')
  const address = host === 'localhost' || host.endsWith('.localhost') ? '127.0.0.1' : host
  const why = isIP(address) === 0 ? null : refusalOfAddress(address, allowPrivateAddress ? 'private_too' : 'public')
  if (why !== null) {
    const wayOut = allowPrivateAddress ? '' : ' Allow private addresses for this source if that is meant.'
    fields.push({ path: 'baseUrl', message: `${host} is ${why}.${wayOut}` })
  }
  if (!supports.responses && !supports.chat && !supports.embeddings)
    fields.push({ path: 'supports', message: 'Say at least one of responses, chat and embeddings.' })
  if (supports.embeddings && !use.includes('missing_models'))
    fields.push({ path: 'use', message: 'No account makes embeddings: the use for missing models is needed for them.' })
  const [first] = fields
  if (first) throw new AppError('invalid_request', { message: `${first.path}: ${first.message}`, fields })
}

/** A key must not be sent to another server than the one it was given for. @throws AppError */
function checkKeyStays(before: ModelSource, next: SourceDefinition, apiKey: string | null | undefined): void {
  if (before.apiKey === null || apiKey !== undefined) return
  if (new URL(before.baseUrl).origin === new URL(next.baseUrl).origin) return
  const message = 'The address is another server: give the API key again, or null for none.'
  throw new AppError('invalid_request', { message, fields: [{ path: 'apiKey', message }] })
}

function nameTaken(name: string): AppError {
  return new AppError('model_source_name_taken', { message: `There is a model source named ${name} already.` })
}

/** What the audit log keeps: everything but the key. */
function audited(source: ModelSource) {
  const { name, baseUrl, allowPrivateAddress, isActive, use, supports, models } = source
  const { timeoutSeconds, maxConcurrency, budget } = source
  return {
    ...{ name, baseUrl, allowPrivateAddress, isActive, use, supports, models },
    ...{ timeoutSeconds, maxConcurrency, budget, hasApiKey: source.apiKey !== null },
  }
}

function sourceView(
  source: ModelSource,
  spent: { dayMicroUsd: number; monthMicroUsd: number },
  inFlight: number,
  nowMs: number,
): ModelSourceView {
  const { id, health, createdAtMs } = source
  const restsUntilMs = restEndOf(health, nowMs)
  return {
    id,
    ...audited(source),
    spent: { usdToday: spent.dayMicroUsd / 1e6, usdThisMonth: spent.monthMicroUsd / 1e6 },
    health: {
      status: statusOf(source, restsUntilMs),
      lastOkAt: health.lastOkAtMs === null ? null : iso(health.lastOkAtMs),
      lastFailureAt: health.lastFailureAtMs === null ? null : iso(health.lastFailureAtMs),
      lastFailure: health.lastFailure,
      failures: health.failures,
      restsUntil: restsUntilMs === null ? null : iso(restsUntilMs),
    },
    inFlight,
    createdAt: iso(createdAtMs),
  }
}

function statusOf({ health }: ModelSource, restsUntilMs: number | null): ModelSourceView['health']['status'] {
  if (restsUntilMs !== null) return 'resting'
  if (health.failures > 0) return 'failing'
  return health.lastOkAtMs === null ? 'unknown' : 'ok'
}
