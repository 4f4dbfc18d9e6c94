import { z } from 'zod'
import { oneOf } from './config-values.ts'
import type { VouchingRules } from './gate.ts'
import type { AddressRange } from './lib/address-ranges.ts'

/** What a reverse proxy must not be able to set, or sets for other reasons: none of these may name a user. */
const reserved = new Set([
  ...['authorization', 'cookie', 'host', 'origin', 'referer', 'user-agent', 'accept', 'connection', 'upgrade', 'te'],
  ...['via', 'forwarded', 'x-real-ip', 'true-client-ip', 'x-client-ip', 'x-request-id', 'last-event-id', 'expect'],
  ...['originator', 'session_id', 'session-id', 'thread-id', 'chatgpt-account-id', 'transfer-encoding', 'trailer'],
  ...['keep-alive', 'date', 'range'],
])
const reservedBeginnings = [
  'content-',
  'proxy-',
  'sec-',
  'x-forwarded-',
  'cf-',
  'if-',
  'accept-',
  'x-codex-',
  'x-openai-',
]

const headerName = z
  .string()
  .regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$/, 'this is no name of a header; give one such as Remote-User')
  .transform((name) => name.toLowerCase())
  .refine((name) => !reserved.has(name) && !reservedBeginnings.some((start) => name.startsWith(start)), {
    error: 'this header has another meaning already; give one such as Remote-User that only the reverse proxy sets',
  })

const group = z
  .string()
  .regex(/^[^,;|\p{C}]{1,200}$/u, 'give the name of one group, without commas, semicolons or bars')
  .transform((name) => name.trim())

/** How the dashboard signs in, as far as it is no setting. */
export const dashboardVariables = {
  CODEX_LB_DASHBOARD_AUTH_MODE: oneOf(['standard', 'trusted_header', 'disabled']).default('standard'),
  CODEX_LB_DASHBOARD_AUTH_PROXY_HEADER: headerName.optional(),
  CODEX_LB_DASHBOARD_AUTH_GROUPS_HEADER: headerName.optional(),
  CODEX_LB_DASHBOARD_ADMIN_GROUP: group.optional(),
  CODEX_LB_DASHBOARD_VIEWER_GROUP: group.optional(),
  CODEX_LB_DASHBOARD_ALLOW_UNPROTECTED: oneOf(['yes', 'no']).default('no'),
}

type Given = z.output<z.ZodObject<typeof dashboardVariables>> & {
  CODEX_LB_HOST: string
  CODEX_LB_TRUSTED_PROXIES: readonly AddressRange[]
  CODEX_LB_ALLOWED_HOSTS: readonly string[]
}

const ofHeaders = [
  'CODEX_LB_DASHBOARD_AUTH_PROXY_HEADER',
  'CODEX_LB_DASHBOARD_AUTH_GROUPS_HEADER',
  'CODEX_LB_DASHBOARD_ADMIN_GROUP',
  'CODEX_LB_DASHBOARD_VIEWER_GROUP',
] as const

const back = 'or set CODEX_LB_DASHBOARD_AUTH_MODE=standard.'

/** What the variables say together. Warnings are for a start that is possible, but that somebody should think over. */
export function readDashboardAuth(given: Given) {
  const { CODEX_LB_DASHBOARD_AUTH_MODE: mode } = given
  const faults: string[] = []
  const warnings: string[] = []
  if (mode === 'trusted_header') faults.push(...headerFaults(given))
  else {
    const idle = ofHeaders.filter((name) => given[name] !== undefined)
    if (idle.length > 0) {
      warnings.push(`${idle.join(', ')}: without effect while CODEX_LB_DASHBOARD_AUTH_MODE is "${mode}".`)
    }
  }
  if (mode === 'disabled') {
    const isReachable = !isLoopback(given.CODEX_LB_HOST)
    if (isReachable && given.CODEX_LB_DASHBOARD_ALLOW_UNPROTECTED === 'no') {
      faults.push(
        `CODEX_LB_DASHBOARD_AUTH_MODE: "disabled" makes everybody who reaches ${given.CODEX_LB_HOST} an admin; ` +
          `listen on 127.0.0.1, confirm with CODEX_LB_DASHBOARD_ALLOW_UNPROTECTED=yes, ${back}`,
      )
    }
    const isPublished = given.CODEX_LB_TRUSTED_PROXIES.length > 0 || given.CODEX_LB_ALLOWED_HOSTS.length > 0
    const who = isReachable
      ? `reaches ${given.CODEX_LB_HOST}`
      : `reaches this machine${isPublished ? ', through the reverse proxy too,' : ''}`
    warnings.push(
      `NOBODY SIGNS IN: CODEX_LB_DASHBOARD_AUTH_MODE is "disabled", so whoever ${who} is an admin of the dashboard ` +
        'and may export, add and remove accounts. Let something in front of it sign people in.',
    )
  }
  return { faults, warnings, vouching: mode === 'trusted_header' ? vouchingOf(given) : null }
}

function headerFaults(given: Given): string[] {
  const faults: string[] = []
  const proxies = given.CODEX_LB_TRUSTED_PROXIES
  if (proxies.length === 0) {
    faults.push(
      'CODEX_LB_TRUSTED_PROXIES: is empty, so nobody’s header would be believed with ' +
        `CODEX_LB_DASHBOARD_AUTH_MODE=trusted_header; give the address of the reverse proxy, ${back}`,
    )
  }
  if (proxies.some(([, bits]) => bits === 0)) {
    faults.push(
      'CODEX_LB_TRUSTED_PROXIES: with CODEX_LB_DASHBOARD_AUTH_MODE=trusted_header a range of all addresses would let ' +
        'everybody name themselves; give the address of the reverse proxy.',
    )
  }
  const { userHeader, groups } = vouchingOf(given)
  if (given.CODEX_LB_DASHBOARD_VIEWER_GROUP !== undefined && groups === null) {
    faults.push(
      'CODEX_LB_DASHBOARD_VIEWER_GROUP: says who only looks, but nothing says who is an admin; ' +
        'set CODEX_LB_DASHBOARD_ADMIN_GROUP too.',
    )
  }
  if (given.CODEX_LB_DASHBOARD_AUTH_GROUPS_HEADER !== undefined && groups === null) {
    faults.push(
      'CODEX_LB_DASHBOARD_AUTH_GROUPS_HEADER: no group means anything yet; set CODEX_LB_DASHBOARD_ADMIN_GROUP too.',
    )
  }
  if (groups?.header === userHeader) {
    faults.push('CODEX_LB_DASHBOARD_AUTH_GROUPS_HEADER: is the header of the user; give one such as Remote-Groups.')
  }
  return faults
}

function vouchingOf(given: Given): VouchingRules {
  const { CODEX_LB_DASHBOARD_ADMIN_GROUP: admin, CODEX_LB_DASHBOARD_VIEWER_GROUP: viewer = null } = given
  const header = given.CODEX_LB_DASHBOARD_AUTH_GROUPS_HEADER ?? 'remote-groups'
  return {
    userHeader: given.CODEX_LB_DASHBOARD_AUTH_PROXY_HEADER ?? 'remote-user',
    groups: admin === undefined ? null : { header, admin, viewer },
  }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\./.test(host)
}
