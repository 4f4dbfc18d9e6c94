import { randomBytes } from 'node:crypto'
import type { SimulatedAccount } from './accounts.ts'

// What an account issues carries the account's tag, so nothing has to be remembered to know whose it is.

/** The id of a response; the same hex serves the ids of its items. */
export function newResponseHex(account: SimulatedAccount): string {
  return account.tag + randomBytes(19).toString('hex')
}

export function issuedResponse(account: SimulatedAccount, id: string): boolean {
  return id.startsWith(`resp_${account.tag}`) && id.length === 'resp_'.length + account.tag.length + 38
}

export function newTurnState(account: SimulatedAccount): string {
  return `sim-turn-${account.tag}-${randomBytes(12).toString('hex')}`
}

/** Whether another simulated account issued the turn state; one of unknown make passes. */
export function isForeignTurnState(account: SimulatedAccount, state: string): boolean {
  return state.startsWith('sim-turn-') && !state.startsWith(`sim-turn-${account.tag}-`)
}

const sealStart = 'gAAAAABsim'

/** Content that only this account can use again. The note can be read by nobody but a curious person. */
export function seal(account: SimulatedAccount, note: string): string {
  const box = JSON.stringify({ account: account.tag, nonce: randomBytes(8).toString('hex'), note })
  return sealStart + Buffer.from(box).toString('base64url')
}

/** Whether another simulated account sealed the content; content of unknown make passes. */
export function isForeignSeal(account: SimulatedAccount, content: string): boolean {
  if (!content.startsWith(sealStart)) return false
  const box = Buffer.from(content.slice(sealStart.length), 'base64url').toString('utf8')
  return !box.startsWith(`{"account":"${account.tag}"`)
}
