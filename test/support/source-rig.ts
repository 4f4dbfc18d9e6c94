import { expect } from 'vitest'
import { eventually } from './import-client.ts'
import { type Provider, providerKey, startProvider } from './provider.ts'
import { type RequestSeen, type Rig, type RigOptions, startRig } from './start.ts'
import { ask } from './turns.ts'
import type { Untyped } from './untyped.ts'

/** The product with one account and a provider that may stand in for it. */
export type SourceRig = {
  rig: Rig
  provider: Provider
  api(method: string, path: string, body?: object): Promise<{ status: number; body: Untyped }>
  /** Adds the provider as a source; it is the last resort for gpt-5.5 by itself. @returns the source */
  add(given?: object): Promise<Untyped>
  /** The newest line of the log, when so many are there beside that of the set-up. */
  newest(count?: number): Promise<RequestSeen>
  lines(count: number): Promise<RequestSeen[]>
  close(): Promise<void>
}

export const cheap = { inputUsdPerMillion: 1, cachedUsdPerMillion: 0.5, outputUsdPerMillion: 10 }

/** Makes the provider a source of the product, the last resort for gpt-5.5 unless `given` says otherwise. */
export async function addSource({ url }: { url: string }, provider: Provider, given: object = {}): Promise<Untyped> {
  const answer = await fetch(`${url}/api/model-sources`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      ...{ name: 'Spare', baseUrl: provider.baseUrl, apiKey: providerKey, allowPrivateAddress: true },
      ...{ use: ['last_resort'], supports: { responses: true }, models: [{ model: 'gpt-5.5', ...cheap }] },
      ...given,
    }),
  })
  const body = await answer.json()
  expect([answer.status, body]).toEqual([201, expect.anything()])
  return body
}

/** `isOut`: the account has used its window up. */
export async function startSourceRig(isOut: boolean, options: RigOptions = {}): Promise<SourceRig> {
  const provider = await startProvider()
  const rig = await startRig({
    accounts: [{ email: 'a@example.com', plan: 'plus', shortUsedPercent: isOut ? 100 : 10 }],
    ...options,
  })
  if (options.importAll !== false)
    await eventually('the account has figures', async () => (await rig.account('a@example.com')).windows.length > 0)
  if (isOut) {
    // What an account has used up shows when it is asked.
    const told = await ask(rig)
    expect(told.status).toBe(429)
    await eventually('that was logged', async () => (await rig.requests()).length === 1)
    rig.simulator.requests.length = 0
  }
  const past = isOut ? 1 : 0
  const api: SourceRig['api'] = async (method, path, body) => {
    const answer = await fetch(rig.url + path, {
      method,
      ...(body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    })
    const text = await answer.text()
    return { status: answer.status, body: text === '' ? null : JSON.parse(text) }
  }
  const lines: SourceRig['lines'] = async (count) => {
    await eventually(`${count} requests were logged`, async () => (await rig.requests()).length === count + past)
    return (await rig.requests()).slice(0, count)
  }
  return {
    ...{ rig, provider, api, lines },
    add: (given) => addSource(rig, provider, given),
    async newest(count = 1) {
      const [first] = await lines(count)
      if (first === undefined) throw new Error('Nothing was logged.')
      return first
    },
    async close() {
      await rig.close()
      await provider.close()
    },
  }
}
