import type { FastifyRequest } from 'fastify'
import { AppError } from '../errors.ts'
import { type GateRules, isLocal } from '../gate.ts'
import { equalInConstantTime, type Secret } from '../lib/secrets.ts'

/** Lets in this machine, whoever has the token, and whoever is signed in to the dashboard. */
export function scraperCheck(
  token: Secret | null,
  rules: GateRules,
  checkSession: (request: FastifyRequest) => Promise<unknown>,
): (request: FastifyRequest) => Promise<void> {
  return async (request) => {
    if (isLocal({ peer: request.socket.remoteAddress, headers: request.headers }, rules)) return
    const given = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1]
    if (given === undefined) return void (await checkSession(request))
    if (token !== null && equalInConstantTime(given, token.reveal())) return
    throw new AppError('authentication_required', { message: 'This is not the token of CODEX_LB_METRICS_TOKEN.' })
  }
}
