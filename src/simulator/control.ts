import { isWindowKind } from './accounts.ts'
import { isFault } from './faults.ts'
import { type Exchange, jsonAnswer, send } from './http.ts'
import type { Simulator } from './upstream.ts'

/** Answers `/_sim/…`: the simulator's own controls, for other processes. Unknown accounts and wrong bodies give 400. */
export function answerControl(exchange: Exchange, simulator: Simulator): void {
  const { response } = exchange
  try {
    send(response, jsonAnswer(200, control(exchange, simulator)))
  } catch (thrown) {
    if (!(thrown instanceof RangeError)) throw thrown
    send(response, jsonAnswer(400, { error: { message: thrown.message } }))
  }
}

function control({ request, url, body }: Exchange, simulator: Simulator): unknown {
  const [what = '', name = ''] = url.pathname.slice('/_sim/'.length).split('/')
  const email = typeof body?.email === 'string' ? body.email : decodeURIComponent(name)
  switch (`${request.method} ${what}`) {
    case 'GET accounts':
      return simulator.accounts.map(({ promptCache, files, goals, ...account }) => ({
        ...{ ...account, cachedPrompts: promptCache.size, files: files.size, goals: goals.size },
      }))
    case 'GET auth':
      return simulator.authJson(email)
    case 'GET opencode':
      return simulator.openCodeJson(email)
    case 'GET requests':
      return simulator.requests
    case 'GET refreshes':
      return simulator.refreshes
    case 'POST script': {
      const faults = Array.isArray(body?.faults) ? body.faults : []
      const wrong = faults.find((fault) => !isFault(fault))
      if (wrong !== undefined) throw new RangeError(`There is no such fault: ${JSON.stringify(wrong)}.`)
      simulator.script(email, ...faults.filter(isFault))
      return { scripted: faults.length }
    }
    case 'POST usage': {
      const { kind, percent, resetsInSeconds } = body ?? {}
      if (!isWindowKind(kind) || typeof percent !== 'number') throw new RangeError('Give kind and percent.')
      simulator.setUsed(email, kind, percent, typeof resetsInSeconds === 'number' ? resetsInSeconds : undefined)
      return { email, kind, percent }
    }
    case 'POST sockets':
      if (typeof body?.webSockets !== 'boolean') throw new RangeError('Give webSockets: true or false.')
      simulator.setWebSockets(body.webSockets)
      return { webSockets: body.webSockets }
    case 'POST close': {
      const { code, reason } = body ?? {}
      simulator.closeWebSockets({
        ...(email === '' ? {} : { email }),
        ...(typeof code === 'number' ? { code } : {}),
        ...(typeof reason === 'string' ? { reason } : {}),
      })
      return { closed: true }
    }
    case 'POST approve':
      simulator.approveDevice(typeof body?.userCode === 'string' ? body.userCode : '', email)
      return { approved: true }
    case 'POST deny':
      simulator.denyDevice(typeof body?.userCode === 'string' ? body.userCode : '')
      return { denied: true }
    case 'POST sign-in': {
      const { error, state } = body ?? {}
      simulator.planSignIns({
        ...(email === '' ? {} : { email }),
        ...(typeof error === 'string' ? { error } : {}),
        ...(typeof state === 'string' ? { state } : {}),
      })
      return { planned: true }
    }
    case 'POST reset':
      simulator.reset(email === '' ? undefined : email)
      return { reset: true }
    default:
      throw new RangeError(`There is no control ${request.method} ${url.pathname}.`)
  }
}
