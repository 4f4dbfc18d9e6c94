import { randomBytes } from 'node:crypto'
import type { Actor } from '../../domain/access.ts'
import { isOver, type LoginFault, type LoginFlow, type LoginSecrets } from '../../domain/login.ts'
import { dayMs, minuteMs } from '../../domain/quota.ts'
import type { Sender } from '../../egress/outbound.ts'
import { AppError } from '../../errors.ts'
import type { Clock } from '../../lib/clock.ts'
import { equalInConstantTime, fingerprint, randomId, Secret } from '../../lib/secrets.ts'
import type { Store } from '../../store/store.ts'
import type { SendRequest } from '../../upstream/client.ts'
import {
  askForDevice,
  authorizeUrl,
  deviceRedirect,
  type Exchanged,
  exchangeCode,
  pollDevice,
} from '../../upstream/login.ts'
import { addLogin } from './add-login.ts'
import { type Callback, readCallback, readPasted } from './callback.ts'
import { faultOfServer, loginFault } from './faults.ts'
import { callbackPath, createCallbackListener, type ListenerState } from './listener.ts'
import type { Page } from './page.ts'

type LoginAsk = { method: LoginFlow['method']; accountId: string | null; by: Actor }

/**
 * Signing in with ChatGPT, in a browser or with a code that is typed elsewhere. Flows are kept in the store, so a
 * restart does not end them, and every replica can finish one.
 */
export type Logins = {
  /** @throws AppError `sign_in_unavailable` when no code is to be had */
  start(ask: LoginAsk): Promise<LoginFlow>
  /** Newest first. */
  list(): Promise<LoginFlow[]>
  get(id: string): Promise<LoginFlow | null>
  /** Takes the address that the browser ended on, as a person pasted it. @throws AppError naming the field */
  paste(id: string, text: string): Promise<LoginFlow>
  /** @throws AppError when it is over already */
  cancel(id: string): Promise<void>
  /** Sees to everything that is due: asks for device flows, ends what is overdue, opens and closes the way back. */
  tend(): Promise<void>
  listener(): ListenerState
  /** Where a browser flow leads, and where it comes back. Null once it is over. */
  addressesOf(flow: LoginFlow): { authorizationUrl: string; callbackUrl: string } | null
  /** Lets a code that was sent in come to its end; flows that wait go on at the next start. */
  stop(): Promise<void>
}

export type LoginsDeps = {
  store: Store
  client: Sender
  clock: Clock
  authBaseUrl: string
  callbackPort: number
  onChange: (flow: LoginFlow) => void
  /** The account is stored; told before the flow says so. */
  onAdded: (accountId: string) => Promise<void>
  /** It came to an end by itself, not by a person's cancelling. */
  onOver: (flow: LoginFlow) => Promise<void>
  onError: (error: unknown) => void
}

const browserLifeMs = 15 * minuteMs
/** Sending a code in takes no longer; what does was cut off by a stop of the server. */
const exchangeTakesMs = minuteMs
const slowerMs = 5_000
const longestIntervalMs = minuteMs
const keptMs = dayMs
const kept = 50
/** Beyond so many waiting ones, the oldest has been forgotten by whoever began it. */
const maxWaiting = 8
/** What is registered for the client; another port is for simulated sign-in servers. */
const usualPort = 1455

export function createLogins(deps: LoginsDeps): Logins {
  const { store, client, clock, authBaseUrl, callbackPort, onChange, onAdded, onOver, onError } = deps
  /** A login that is renewed goes its account's way, a new one the way of all. */
  const serverFor = ({ accountId }: Pick<LoginFlow, 'accountId'>) => ({
    ...{ authBaseUrl, send: (request: SendRequest) => client.send(request, accountId) },
  })
  const redirectUri = `http://localhost:${callbackPort === 0 ? usualPort : callbackPort}${callbackPath}`
  const stopping = new AbortController()
  const running = new Map<string, Promise<unknown>>()
  let cancelTimer = () => {}
  let tending: Promise<void> | null = null
  let tendAgain = false

  const read = async (id: string): Promise<LoginFlow> => {
    const flow = await store.logins.get(id)
    if (flow === null) throw new AppError('sign_in_not_found')
    return flow
  }
  /** Moves a flow, and tells. Null: somebody else was faster. */
  const move = async (
    flow: LoginFlow,
    status: LoginFlow['status'],
    how: Partial<Pick<LoginFlow, 'result' | 'fault'>> = {},
  ): Promise<LoginFlow | null> => {
    const change = { status, changedAtMs: clock.now(), ...how }
    if (!(await store.logins.move(flow.id, flow.status, change))) return null
    const moved = { ...flow, ...change, ...(isOver(change) ? { secrets: null, nextPollAtMs: null } : {}) }
    onChange(moved)
    if (isOver(moved) && status !== 'cancelled') await onOver(moved)
    return moved
  }
  const fail = (flow: LoginFlow, fault: LoginFault) => move(flow, 'failed', { fault })
  const expire = (flow: LoginFlow) => {
    const fault = loginFault(flow.method === 'browser' ? 'timed_out' : 'code_expired')
    return move(flow, 'expired', { fault })
  }

  /** Takes the flow, sends the code in once, and makes an account of what comes. */
  const finish = async (flow: LoginFlow, exchange: () => Promise<Exchanged>): Promise<LoginFlow> => {
    const taken = await move(flow, 'exchanging')
    if (taken === null) return read(flow.id)
    const work = async () => {
      const exchanged = await exchange()
      if (exchanged.kind !== 'tokens') return fail(taken, faultOfServer(exchanged.code))
      const added = await addLogin(exchanged, taken, { store, clock, onError })
      if ('fault' in added) return fail(taken, added.fault)
      await onAdded(added.result.accountId).catch(onError)
      return move(taken, 'succeeded', { result: added.result })
    }
    const ended = (await tracked(flow.id, work())) ?? (await read(flow.id))
    soon()
    return ended
  }
  const tracked = <R>(id: string, work: Promise<R>): Promise<R> => {
    const tracking = work.finally(() => {
      if (running.get(id) === tracking) running.delete(id)
    })
    running.set(id, tracking)
    return tracking
  }

  /** The browser has come back, here or on the machine of whoever pasted its address. */
  const arrive = (flow: LoginFlow, callback: Callback): Promise<LoginFlow> | LoginFlow => {
    const { secrets } = flow
    if (secrets?.method !== 'browser') return flow
    if ('error' in callback) return refuse(flow, callback.error)
    const { code } = callback
    return finish(flow, () => exchangeCode(serverFor(flow), { code, verifier: secrets.verifier, redirectUri }))
  }
  const refuse = async (flow: LoginFlow, code: string): Promise<LoginFlow> => {
    const failed = (await fail(flow, faultOfServer(code))) ?? (await read(flow.id))
    soon()
    return failed
  }
  const isOf = (flow: LoginFlow, { state }: Callback) =>
    flow.stateHash !== null && equalInConstantTime(fingerprint(state), flow.stateHash)

  const answer = async (query: URLSearchParams): Promise<Page> => {
    const callback = readCallback(query)
    if (typeof callback === 'string') return unknownPage
    const flow = (await list()).find((one) => isOf(one, callback))
    if (flow === undefined) return unknownPage
    return pageOf(flow.status === 'pending' ? await arrive(flow, callback) : flow)
  }
  const listener = createCallbackListener({ port: callbackPort, answer, onError })

  const poll = async (flow: LoginFlow): Promise<void> => {
    const { id, secrets, intervalMs, nextPollAtMs } = flow
    if (secrets?.method !== 'device' || nextPollAtMs === null || intervalMs === null) return
    if (!(await store.logins.takePoll(id, nextPollAtMs, clock.now() + intervalMs))) return
    const polled = await pollDevice(serverFor(flow), secrets, stopping.signal)
    if (polled.kind === 'slow_down') {
      const slower = Math.min(longestIntervalMs, intervalMs + slowerMs)
      return store.logins.slowDown(id, slower, clock.now() + slower)
    }
    if (polled.kind === 'refused') return void (await fail(flow, faultOfServer(polled.code)))
    if (polled.kind === 'tokens') return void (await finish(flow, async () => polled))
    if (polled.kind !== 'approved') return
    const { code, verifier } = polled
    await finish(flow, () =>
      exchangeCode(serverFor(flow), { code, verifier, redirectUri: deviceRedirect(authBaseUrl) }),
    )
  }

  /** The flow as it is now: what nobody finished in time, or what a stop has cut off, ends when it is looked at. */
  const upToDate = async (flow: LoginFlow): Promise<LoginFlow> => {
    const nowMs = clock.now()
    if (flow.status === 'pending' && flow.expiresAtMs <= nowMs) return (await expire(flow)) ?? (await read(flow.id))
    const isCutOff = flow.status === 'exchanging' && flow.changedAtMs + exchangeTakesMs <= nowMs
    if (!isCutOff || running.has(flow.id)) return flow
    return (await fail(flow, loginFault('interrupted'))) ?? (await read(flow.id))
  }
  const list = async () => Promise.all((await store.logins.list(kept)).map(upToDate))

  const look = async (): Promise<void> => {
    cancelTimer()
    const waiting = (await list()).filter(({ status }) => status === 'pending')
    const nowMs = clock.now()
    await listener.keep(!stopping.signal.aborted && waiting.some(({ method }) => method === 'browser'))
    if (stopping.signal.aborted) return
    for (const flow of waiting) {
      if ((flow.nextPollAtMs ?? Number.POSITIVE_INFINITY) > nowMs || running.has(flow.id)) continue
      // What fell due meanwhile is seen to at once.
      tracked(flow.id, poll(flow)).catch(onError).finally(soon)
    }
    const dues = waiting.flatMap(({ expiresAtMs, intervalMs, nextPollAtMs }) => [
      expiresAtMs,
      // What is asked for just now is asked for again after its interval.
      nextPollAtMs === null
        ? expiresAtMs
        : Math.max(nextPollAtMs, nowMs + (nextPollAtMs <= nowMs ? (intervalMs ?? 0) : 0)),
    ])
    if (dues.length > 0) cancelTimer = clock.after(Math.max(1, Math.min(...dues) - nowMs), soon)
  }
  /** One look at a time; what changes meanwhile is looked at afterwards. */
  const tend = async (): Promise<void> => {
    if (tending !== null) {
      tendAgain = true
      return tending
    }
    const work = async () => {
      do {
        tendAgain = false
        await look()
      } while (tendAgain)
    }
    tending = work().finally(() => {
      tending = null
    })
    return tending
  }
  const soon = () => {
    if (!stopping.signal.aborted) tend().catch(onError)
  }

  const secretsFor = async ({ method, accountId }: Pick<LoginFlow, 'method' | 'accountId'>) => {
    if (method === 'browser') {
      const [state, verifier] = [random(), random()]
      const secrets: LoginSecrets = { method, state, verifier }
      return { secrets, lifeMs: browserLifeMs, intervalMs: null, stateHash: fingerprint(state.reveal()) }
    }
    const offer = await askForDevice(serverFor({ accountId }), clock.now(), stopping.signal)
    if (offer.kind !== 'offer') throw noCode(offer.kind === 'disabled' ? null : offer.code)
    const { deviceAuthId, userCode, lifeMs, intervalMs } = offer
    const secrets: LoginSecrets = { method, deviceAuthId, userCode }
    return { secrets, lifeMs, intervalMs, stateHash: null }
  }

  return {
    async start({ method, accountId, by }) {
      const { secrets, lifeMs, intervalMs, stateHash } = await secretsFor({ method, accountId })
      const nowMs = clock.now()
      const waiting = (await list()).filter(({ status }) => status === 'pending')
      for (const flow of waiting.slice(maxWaiting - 1)) {
        await move(flow, 'cancelled', { fault: loginFault('superseded') })
      }
      await store.logins.prune(nowMs - keptMs)
      const flow: LoginFlow = {
        ...{ id: randomId('login_'), method, status: 'pending', accountId, startedBy: by },
        ...{ createdAtMs: nowMs, expiresAtMs: nowMs + lifeMs, changedAtMs: nowMs, stateHash, intervalMs },
        nextPollAtMs: intervalMs === null ? null : nowMs + intervalMs,
        ...{ secrets, result: null, fault: null },
      }
      await store.logins.add(flow)
      onChange(flow)
      await tend()
      return flow
    },
    list,
    async get(id) {
      const flow = await store.logins.get(id)
      return flow && upToDate(flow)
    },
    async paste(id, text) {
      const flow = await upToDate(await read(id))
      if (flow.method !== 'browser')
        throw pasteFault('belongs to a sign-in in a browser; this one waits for its code to be typed in.')
      if (flow.status !== 'pending') throw new AppError('sign_in_over')
      const callback = readPasted(text)
      if (typeof callback === 'string') throw pasteFault(callback)
      if (!isOf(flow, callback)) {
        throw pasteFault('belongs to another sign-in: copy the address of the tab that this sign-in has opened.')
      }
      return arrive(flow, callback)
    },
    async cancel(id) {
      const flow = await upToDate(await read(id))
      if (flow.status !== 'pending' || (await move(flow, 'cancelled')) === null) throw new AppError('sign_in_over')
      soon()
    },
    tend,
    listener: () => listener.state(),
    addressesOf({ secrets }) {
      if (secrets?.method !== 'browser') return null
      const { state, verifier } = secrets
      return { authorizationUrl: authorizeUrl(authBaseUrl, redirectUri, state, verifier), callbackUrl: redirectUri }
    },
    async stop() {
      stopping.abort(new Error('shutting_down'))
      cancelTimer()
      await tending?.catch(() => {})
      await listener.keep(false)
      await Promise.allSettled(running.values())
    },
  }
}

function random(): Secret {
  return new Secret(randomBytes(32).toString('base64url'))
}

function pasteFault(what: string): AppError {
  return new AppError('invalid_request', {
    message: `callbackUrl ${what}`,
    fields: [{ path: 'callbackUrl', message: what }],
  })
}

function noCode(code: string | null): AppError {
  const why =
    code === null
      ? 'ChatGPT gives out no codes for signing in here: use the browser instead.'
      : faultOfServer(code).message
  return new AppError('sign_in_unavailable', { message: why })
}

const unknownPage: Page = {
  isGood: false,
  title: 'This sign-in is not known here',
  text: 'It was begun elsewhere, or it is over. Go back to the dashboard and start again.',
}

function pageOf({ status, result, fault }: LoginFlow): Page {
  if (status === 'succeeded' && result) {
    const who = result.email ?? 'The account'
    const text = result.outcome === 'imported' ? `${who} was added.` : `The sign-in of ${who} was renewed.`
    return { isGood: true, title: 'Signed in', text: `${text} You can close this tab and go back to the dashboard.` }
  }
  if (!isOver({ status })) {
    return { isGood: true, title: 'One moment', text: 'The sign-in is being finished. Go back to the dashboard.' }
  }
  return {
    isGood: false,
    title: 'Not signed in',
    text: fault?.message ?? 'This sign-in was cancelled in the dashboard.',
  }
}
