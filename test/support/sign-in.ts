import { generate } from 'otplib'
import { expect } from 'vitest'
import type { Rig } from './start.ts'
import { type Asked, createVisitor, type Visitor } from './visitor.ts'

export const password = 'correct horse'

/** What an authenticator app shows at a time. */
export const codeOf = (secret: string, atMs = Date.now()) => generate({ secret, epoch: Math.floor(atMs / 1000) })

/** Status and code of a refusal, in one word for comparing. */
export const refusal = ({ status, body }: Asked) => `${status} ${body?.error?.code}`

/** Sets the password from this machine and gives the browser that is signed in. */
export async function withPassword(rig: { url: Rig['url'] }): Promise<Visitor> {
  const me = createVisitor(rig)
  expect((await me.door('POST', '/password/setup', { password })).status).toBe(200)
  return me
}

/** Switches the second factor on. */
export async function addTotp(me: Visitor): Promise<{ secret: string; recoveryCodes: string[] }> {
  const { secret } = (await me.door('POST', '/totp/setup/start')).body
  const { recoveryCodes } = (await me.door('POST', '/totp/setup/confirm', { code: await codeOf(secret) })).body
  return { secret, recoveryCodes }
}
