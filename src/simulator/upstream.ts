import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { type Clock, systemClock } from '../lib/clock.ts'
import { createAccount, type SimulatedAccount, type SimulatedAccountOptions } from './accounts.ts'
import { answerForAccount } from './backend.ts'
import { answerControl } from './control.ts'
import { createFaultScripts, type Fault } from './faults.ts'
import { type Exchange, follow, jsonAnswer, type RecordedRequest, readBody, send } from './http.ts'
import { type JsonObject, parseObject } from './json.ts'
import { createOAuth, type DeviceTrouble, type PlannedSignIn } from './oauth.ts'
import { isCallSocket, joinCall } from './realtime.ts'
import { createRecords } from './records.ts'
import { detailAnswer } from './refusals.ts'
import { createTokens } from './tokens.ts'
import { createSockets } from './websocket.ts'
import { setPercent, type WindowKind } from './windows.ts'
import { accountOf, type RecordedRefresh, type World } from './world.ts'

export type SimulatorOptions = {
  /** 0, the default, takes any free port. */
  port?: number
  host?: string
  /** Windows, token lives and every wait go by this clock. */
  clock?: Clock
  accounts?: SimulatedAccountOptions[]
  /** Wait before each delta; 0 writes a whole stream at once. */
  eventDelayMs?: number
  /** Tokens a window holds, in place of what its plan gives. */
  capacityTokens?: Partial<Record<WindowKind, number>>
  /** False refuses every handshake with 426. */
  webSockets?: boolean
  /** A `codex.rate_limits` event at the start of each turn on a socket; left out by default. */
  rateLimitFrames?: boolean
  /** A browser that signs in sees a page on which a person chooses an account; by default it is sent back at once. */
  interactiveSignIn?: boolean
  log?: (line: string) => void
}

/** A running simulated upstream and its controls. E-mail addresses nobody has throw a RangeError. */
export type Simulator = {
  /** `http://host:port`. */
  url: string
  /** Where `/codex/responses` and `/wham/usage` live. */
  baseUrl: string
  /** Where `/oauth/token` lives. */
  authUrl: string
  accounts: readonly SimulatedAccount[]
  /** A Codex CLI `auth.json` with the tokens issued last. */
  authJson(email: string): object
  /** An OpenCode `auth.json` with the same. */
  openCodeJson(email: string): object
  /** Queues faults for an account behind those already waiting. */
  script(email: string, ...faults: Fault[]): void
  /** What arrived, oldest first, controls left out; the last 2,000. */
  requests: RecordedRequest[]
  /** The refreshes asked for, oldest first; the last 2,000. */
  refreshes: RecordedRefresh[]
  /** TCP connections, those of WebSockets included. */
  openSockets(): number
  /** Whether handshakes are taken from now on; open sockets stay. */
  setWebSockets(taken: boolean): void
  /** Closes the open WebSockets of one account, or of all, in good order: 1012 when no code is given. */
  closeWebSockets(closing?: { email?: string; code?: number; reason?: string }): void
  /** Sets the use of a window the account has; without `resetsInSeconds` it has just begun. */
  setUsed(email: string, kind: WindowKind, percent: number, resetsInSeconds?: number): void
  /** Empties windows and faults of one account, or of all, then with everything recorded. Open sockets stay. */
  reset(email?: string): void
  /** How the next browsers that sign in are sent back; as the first account where nothing is planned. */
  planSignIns(...signIns: PlannedSignIn[]): void
  /** The next three throw a RangeError for a code that nobody shows. */
  approveDevice(userCode: string, email: string): void
  denyDevice(userCode: string): void
  /** How the next questions of the device are answered. */
  troubleDevice(userCode: string, ...trouble: DeviceTrouble[]): void
  /** Whether codes for signing in elsewhere are given out from now on. */
  setDeviceLogin(state: 'on' | 'off'): void
  /** Drops every connection and stops. */
  close(): Promise<void>
}

const largestBodyBytes = 64 * 1024 * 1024

const defaultAccounts: SimulatedAccountOptions[] = [
  { email: 'ada@example.test', plan: 'plus', shortUsedPercent: 20, weeklyUsedPercent: 35 },
]

/** Starts the simulated upstream. */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const clock = options.clock ?? systemClock
  const host = options.host ?? '127.0.0.1'
  const nowMs = clock.now()
  const made = (options.accounts ?? defaultAccounts).map((one) =>
    createAccount(one, options.capacityTokens ?? {}, nowMs),
  )
  const world: World = {
    clock,
    accounts: made,
    tokens: createTokens(clock),
    faults: createFaultScripts(),
    eventDelayMs: options.eventDelayMs ?? 0,
    deviceLogin: 'on',
    webSockets: options.webSockets ?? true,
    rateLimitFrames: options.rateLimitFrames ?? false,
    records: createRecords(),
    refreshes: [],
    log: options.log ?? (() => {}),
  }
  const sockets = new Set<Socket>()
  let url = ''
  const oauth = createOAuth(world, () => url, options.interactiveSignIn ?? false)

  const webSockets = createSockets(world)

  const failed = (thrown: unknown) => world.log(`failed: ${thrown instanceof Error ? thrown.stack : String(thrown)}`)
  // Elsewhere the header is not heeded.
  const shouldUpgradeCallback = (request: IncomingMessage) => isCallSocket(request) || webSockets.takes(request)
  const server = createServer({ shouldUpgradeCallback }, (request, response) => {
    answer(request, response).catch((thrown: unknown) => {
      failed(thrown)
      response.destroy()
    })
  })
  server.on('upgrade', (request, socket, head) => {
    if (isCallSocket(request)) return joinCall(request, socket, head, world)
    webSockets.open(request, socket, head).catch((thrown: unknown) => {
      failed(thrown)
      socket.destroy()
    })
  })
  server.keepAliveTimeout = 60_000
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const target = new URL(request.url ?? '/', 'http://simulator')
    const bytes = await readBody(request, largestBodyBytes)
    if (bytes === null) return send(response, detailAnswer(413, 'Request body too large'), { connection: 'close' })
    const body = parseBody(request, bytes)
    const record: RecordedRequest = {
      method: request.method ?? '',
      path: request.url ?? '',
      headers: request.headers,
      body: null,
      bodyBytes: bytes.length,
      email: null,
      atMs: clock.now(),
      status: null,
      outcome: 'open',
    }
    const exchange: Exchange = { request, response, url: target, body, bytes, bodyBytes: bytes.length, record }
    if (target.pathname.startsWith('/_sim/')) return answerControl(exchange, simulator)
    world.records.add(record, body)
    follow(exchange)
    const route = oauth.routes[`${request.method} ${target.pathname}`]
    if (route) return route(exchange)
    if (await answerForAccount(exchange, world)) return
    send(response, jsonAnswer(404, { detail: 'Not Found' }))
  }

  const simulator: Simulator = {
    url,
    baseUrl: '',
    authUrl: '',
    accounts: made,
    authJson(email) {
      const account = accountOf(made, email)
      const set = world.tokens.current(account)
      const tokens = {
        id_token: set.idToken,
        access_token: set.accessToken,
        refresh_token: set.refreshToken,
        account_id: account.accountId,
      }
      const lastRefresh = new Date(set.accessExpiresAtMs - account.accessTokenMs).toISOString()
      return { OPENAI_API_KEY: null, tokens, last_refresh: lastRefresh }
    },
    openCodeJson(email) {
      const account = accountOf(made, email)
      const set = world.tokens.current(account)
      const expires = set.accessExpiresAtMs
      const { accessToken: access, refreshToken: refresh } = set
      return { openai: { type: 'oauth', refresh, access, expires, accountId: account.accountId } }
    },
    script: (email, ...faults) => world.faults.add(accountOf(made, email), faults),
    requests: world.records.list,
    refreshes: world.refreshes,
    openSockets: () => sockets.size,
    setWebSockets(taken) {
      world.webSockets = taken
    },
    closeWebSockets({ email, code = 1012, reason = '' } = {}) {
      webSockets.close(email === undefined ? null : accountOf(made, email), code, reason)
    },
    setUsed(email, kind, percent, resetsInSeconds) {
      const window = accountOf(made, email).windows.find((candidate) => candidate.kind === kind)
      if (!window) throw new RangeError(`${email} has no ${kind} window.`)
      setPercent(window, percent, clock.now(), resetsInSeconds)
    },
    reset(email) {
      for (const account of email === undefined ? made : [accountOf(made, email)]) {
        world.faults.clear(account)
        for (const window of account.windows) setPercent(window, 0, clock.now())
      }
      if (email !== undefined) return
      world.records.list.length = 0
      world.refreshes.length = 0
    },
    planSignIns: oauth.plan,
    approveDevice: oauth.approveDevice,
    denyDevice: oauth.denyDevice,
    troubleDevice: oauth.troubleDevice,
    setDeviceLogin(state) {
      world.deviceLogin = state
    },
    close: () =>
      new Promise((resolve, reject) => {
        server.close((error) => (error ? reject(error) : resolve()))
        for (const socket of sockets) socket.destroy()
      }),
  }

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, host, resolve)
  })
  // A listening TCP server has an address object; only pipes have a string.
  const { port } = server.address() as AddressInfo
  url = `http://${host}:${port}`
  return Object.assign(simulator, { url, baseUrl: `${url}/backend-api`, authUrl: url })
}

function parseBody(request: IncomingMessage, bytes: Buffer): JsonObject | null {
  if (bytes.length === 0) return null
  const text = bytes.toString('utf8')
  if (!request.headers['content-type']?.startsWith('application/x-www-form-urlencoded')) return parseObject(text)
  return Object.fromEntries(new URLSearchParams(text))
}
