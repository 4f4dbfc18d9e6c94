import type { ApiKey } from '../../src/domain/api-key.ts'
import { fingerprint } from '../../src/lib/secrets.ts'
import type { Untyped } from './untyped.ts'

/** A key that asks nothing of its clients. Its secret is `sk-clb-` and its id. */
export function anApiKey(given: Partial<ApiKey> = {}): ApiKey {
  const { id = 'key_1' } = given
  return {
    ...{ id, name: `Key ${id}`, notes: null, secretHash: fingerprint(`sk-clb-${id}`), prefix: 'sk-clb-12345678' },
    ...{ allowedModels: null, enforcedModel: null, enforcedEffort: null, allowedEfforts: null },
    ...{ enforcedServiceTier: null, accountIds: null, tags: null, allowedAddresses: null, limits: [] },
    ...{ poolSharePercent: null, expiresAtMs: null, isActive: true, createdAtMs: 1, lastUsedAtMs: null, revision: 1 },
    ...given,
  }
}

/** Makes a key on a running product; `key` is its secret. */
export async function createKey(rig: { url: string }, rules: object = {}): Promise<{ id: string; key: string }> {
  const answer = await fetch(`${rig.url}/api/api-keys`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'Test', ...rules }),
  })
  const made = (await answer.json()) as Untyped
  if (answer.status !== 201) throw new Error(JSON.stringify(made))
  return { id: made.id, key: made.key }
}

export async function changeKey(rig: { url: string }, id: string, change: object): Promise<void> {
  const answer = await fetch(`${rig.url}/api/api-keys/${id}`, {
    method: 'PATCH',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(change),
  })
  if (!answer.ok) throw new Error(await answer.text())
}

export const bearer = (key: string) => ({ authorization: `Bearer ${key}` })
