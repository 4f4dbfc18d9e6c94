import { networkInterfaces } from 'node:os'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { rawRequest, sendRaw } from '../support/raw.ts'
import { refusalIn, turnsSeen } from '../support/refusals.ts'
import { type Rig, startRig } from '../support/start.ts'

// The gate as its visitors meet it: which Host, which page, which machine.

const guarded: [method: string, path: string][] = [
  ['POST', '/backend-api/codex/responses'],
  ['POST', '/v1/responses'],
  ['GET', '/v1/models'],
  ['GET', '/backend-api/codex/models'],
  ['GET', '/api/codex/usage'],
  ['GET', '/api/accounts'],
  ['POST', '/api/accounts/import'],
  ['POST', '/api/accounts/acc_1/pause'],
  ['DELETE', '/api/accounts/acc_1'],
  ['GET', '/api/request-logs'],
  ['GET', '/api/settings'],
  ['PATCH', '/api/settings'],
]
const open: [method: string, path: string][] = [
  ['GET', '/health/live'],
  ['GET', '/health/ready'],
]

/** An address of this machine that is not loopback, if it has one. */
const outside = Object.values(networkInterfaces())
  .flat()
  .find((one) => one?.family === 'IPv4' && !one.internal)?.address

let rig: Rig
let port: string
let host: string
beforeAll(async () => {
  rig = await startRig({ env: { CODEX_LB_HOST: '0.0.0.0', CODEX_LB_ALLOWED_HOSTS: 'lb.example' } })
  port = new URL(rig.url).port
  host = `Host: 127.0.0.1:${port}`
})
afterAll(() => rig.close())

async function ask([method, path]: [string, string], headers: string[], from = '127.0.0.1') {
  const request = rawRequest(`${method} ${path} HTTP/1.1`, [...headers, 'Connection: close'])
  return sendRaw(`http://${from}:${port}`, [request])
}

async function refused(route: [string, string], headers: string[], from?: string) {
  const answer = await ask(route, headers, from)
  return refusalIn(route[1], answer, answer.body)
}

describe('a foreign Host', () => {
  it.each([...guarded, ...open])(
    'is refused on %s %s, with the name of the setting that would allow it',
    async (...route) => {
      const refusal = await refused(route, ['Host: evil.example'])
      expect(refusal).toMatchObject({ status: 403, code: 'forbidden_host' })
      expect(refusal.message).toContain('"evil.example"')
      expect(refusal.message).toContain('CODEX_LB_ALLOWED_HOSTS')
    },
  )

  it.each(['lb.example', 'LB.EXAMPLE:8443', 'lb.example.', 'localhost:1', '[::1]', `127.0.0.1`])(
    'it is not when it is %s',
    async (name) => {
      expect((await ask(['GET', '/api/dashboard-auth/session'], [`Host: ${name}`])).status).toBe(200)
    },
  )
})

describe('a page of another site', () => {
  it.each(guarded)('is refused on %s %s', async (...route) => {
    for (const header of ['Origin: https://evil.example', 'Origin: null', 'Sec-Fetch-Site: cross-site']) {
      expect(await refused(route, [host, header]), header).toMatchObject({ status: 403, code: 'forbidden_origin' })
    }
    expect(turnsSeen(rig)).toBe(0)
  })

  it.each(open)('may see %s %s', async (...route) => {
    expect((await ask(route, [host, 'Origin: https://evil.example'])).status).toBe(200)
  })

  it('is told so even where there is nothing', async () => {
    for (const path of ['/api/nothing', '/v1/nothing', '/backend-api/nothing']) {
      expect(await refused(['GET', path], [host, 'Sec-Fetch-Site: cross-site'])).toMatchObject({ status: 403 })
    }
  })

  it('is not what this server shows itself', async () => {
    for (const headers of [
      [host, `Origin: http://127.0.0.1:${port}`, 'Sec-Fetch-Site: same-origin'],
      ['Host: lb.example', 'Origin: https://lb.example'],
      [host, 'Origin: https://lb.example'],
    ]) {
      expect((await ask(['GET', '/api/dashboard-auth/session'], headers)).status).toBe(200)
    }
  })
})

describe('a forwarded header', () => {
  it.each(['X-Forwarded-For: 127.0.0.1', 'X-Forwarded-For:', 'Forwarded: for=127.0.0.1', 'X-Real-IP: 127.0.0.1'])(
    'from a proxy that nobody trusts lets no turn in: %s',
    async (header) => {
      const route: [string, string] = ['POST', '/v1/responses']
      expect(await refused(route, [host, header])).toMatchObject({ status: 401, code: 'authentication_required' })
    },
  )

  it('counts when the proxy is trusted', async () => {
    const trusting = await startRig({ env: { CODEX_LB_TRUSTED_PROXIES: '127.0.0.0/8' }, importAll: false })
    try {
      const models = (hops: string) =>
        fetch(`${trusting.url}/v1/models`, { headers: { 'x-forwarded-for': hops } }).then(({ status }) => status)
      expect(await models('127.0.0.1')).toBe(200)
      expect(await models('203.0.113.9')).toBe(401)
      expect(await models('127.0.0.1, 203.0.113.9')).toBe(401)
    } finally {
      await trusting.close()
    }
  })
})

describe.runIf(outside !== undefined)('another machine', () => {
  const proxied = guarded.filter(([, path]) => !path.startsWith('/api/') || path.startsWith('/api/codex/'))

  it.each(proxied)('is refused on %s %s and told what to do', async (...route) => {
    const refusal = await refused(route, [`Host: ${outside}:${port}`], outside)
    expect(refusal).toMatchObject({ status: 401, code: 'authentication_required' })
    expect(refusal.message).toContain('create one in the dashboard under Keys')
  })

  it('cannot pass itself off as this one', async () => {
    for (const header of ['X-Forwarded-For: 127.0.0.1', 'X-Real-IP: 127.0.0.1', 'Forwarded: for=127.0.0.1']) {
      expect(await refused(['GET', '/v1/models'], [host, header], outside)).toMatchObject({ status: 401 })
    }
    expect(await refused(['GET', '/v1/models'], ['Host: localhost'], outside)).toMatchObject({ status: 401 })
  })

  it('never sees or changes accounts', async () => {
    for (const route of guarded.filter((one) => !proxied.includes(one))) {
      expect(await refused(route, [`Host: ${outside}:${port}`], outside), route.join(' ')).toMatchObject({
        status: 401,
      })
    }
  })

  it.each(open)('may ask for %s %s', async (...route) => {
    expect((await ask(route, [`Host: ${outside}:${port}`], outside)).status).toBe(200)
  })

  it('learns nothing from paths that are not there', async () => {
    expect(await refused(['GET', '/v1/nothing'], [`Host: ${outside}`], outside)).toMatchObject({ status: 401 })
  })
})
