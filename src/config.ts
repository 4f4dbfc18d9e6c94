import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { closest } from 'fastest-levenshtein'
import { z } from 'zod'
import { dashboardVariables, readDashboardAuth } from './config-dashboard.ts'
import { type Env, loadEnv } from './config-file.ts'
import {
  allowedHost,
  baseUrl,
  bindHost,
  databaseUrl,
  ipRange,
  list,
  oneOf,
  path,
  token,
  wholeNumber,
} from './config-values.ts'
import type { VouchingRules } from './gate.ts'
import type { AddressRange } from './lib/address-ranges.ts'
import type { Secret } from './lib/secrets.ts'

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const

/** What must be known before the database is open, or may differ per replica. Everything else is a setting. */
export type Config = {
  readonly host: string
  /** 0: any free port. */
  readonly port: number
  /** Absolute, like the other paths. */
  readonly dataDir: string
  /** `sqlite:<absolute path>`, or a PostgreSQL URL, which may hold a password: never log it. */
  readonly databaseUrl: string
  readonly encryptionKeyFile: string
  /** Without a trailing slash, like the two that follow. */
  readonly upstreamBaseUrl: string
  readonly authBaseUrl: string
  /** Where the side sockets of realtime calls are. */
  readonly realtimeBaseUrl: string
  /** 0: no listener for the browser login. */
  readonly oauthCallbackPort: number
  readonly trustedProxies: readonly AddressRange[]
  /** Accepted beside the localhost names and the bind address. Lower case, no port, no brackets around IPv6. */
  readonly allowedHosts: readonly string[]
  readonly dashboardAuthMode: 'standard' | 'trusted_header' | 'disabled'
  /** Whose headers say who is there; null: nobody's. */
  readonly dashboardVouching: VouchingRules | null
  /** Null: make one up at the first start. */
  readonly dashboardBootstrapToken: Secret | null
  readonly usageRefreshMs: number
  readonly drainMs: number
  readonly logLevel: (typeof logLevels)[number]
  readonly logFormat: 'pretty' | 'json'
  readonly metrics: boolean
  readonly metricsToken: Secret | null
}

/** The environment cannot be used. The message lists every fault on its own line; the program ends with `exitCode`. */
export class ConfigError extends Error {
  readonly exitCode = 78
  readonly faults: readonly string[]
  constructor(faults: readonly string[]) {
    super(`The configuration cannot be used:\n${faults.map((fault) => `  ${fault}`).join('\n')}`)
    this.name = 'ConfigError'
    this.faults = faults
  }
}

const variables = z.object({
  CODEX_LB_HOST: bindHost.default('127.0.0.1'),
  CODEX_LB_PORT: wholeNumber(0, 65_535).default(2455),
  CODEX_LB_DATA_DIR: path.default('~/.codex-lb'),
  CODEX_LB_DATABASE_URL: databaseUrl.optional(),
  CODEX_LB_ENCRYPTION_KEY_FILE: path.optional(),
  CODEX_LB_UPSTREAM_BASE_URL: baseUrl.default('https://chatgpt.com/backend-api'),
  CODEX_LB_AUTH_BASE_URL: baseUrl.default('https://auth.openai.com'),
  CODEX_LB_REALTIME_BASE_URL: baseUrl.default('https://api.openai.com'),
  CODEX_LB_OAUTH_CALLBACK_PORT: wholeNumber(0, 65_535).default(1455),
  CODEX_LB_TRUSTED_PROXIES: list(ipRange).default([]),
  CODEX_LB_ALLOWED_HOSTS: list(allowedHost).default([]),
  ...dashboardVariables,
  CODEX_LB_DASHBOARD_BOOTSTRAP_TOKEN: token.optional(),
  CODEX_LB_USAGE_REFRESH_SECONDS: wholeNumber(1, 86_400).default(60),
  CODEX_LB_DRAIN_SECONDS: wholeNumber(0, 3_600).default(30),
  CODEX_LB_LOG_LEVEL: oneOf(logLevels).default('info'),
  CODEX_LB_LOG_FORMAT: oneOf(['pretty', 'json']).optional(),
  CODEX_LB_METRICS: oneOf(['on', 'off']).default('on'),
  CODEX_LB_METRICS_TOKEN: token.optional(),
})

const knownNames = Object.keys(variables.shape)

/**
 * Checks the environment, and the `.env` files of `cwd`, once. Logs are pretty on a terminal unless a variable decides.
 * @throws ConfigError with all faults at once; the value of a token is never in it
 */
export function readConfig(env: Env, cwd: string, isTerminal = false): { config: Config; warnings: string[] } {
  const { env: given, faults } = loadEnv(cwd, env)
  const portName = given.CODEX_LB_PORT === undefined ? 'PORT' : 'CODEX_LB_PORT'
  const parsed = variables.safeParse({ ...given, CODEX_LB_PORT: given[portName] })
  for (const issue of parsed.error?.issues ?? []) {
    const name = String(issue.path[0])
    faults.push(`${name === 'CODEX_LB_PORT' ? portName : name}: ${issue.message}`)
  }
  const dashboard = parsed.success ? readDashboardAuth(parsed.data) : null
  faults.push(...(dashboard?.faults ?? []))
  if (!parsed.success || dashboard === null || faults.length > 0) throw new ConfigError(faults)
  const unknown = Object.keys(given).filter((name) => name.startsWith('CODEX_LB_') && !knownNames.includes(name))
  const home = given.HOME ?? homedir()
  return {
    config: configOf(
      { ...parsed.data, vouching: dashboard.vouching },
      (text) =>
        resolve(
          cwd,
          text.replace(/^~(?=$|[/\\])/, () => home),
        ),
      isTerminal,
    ),
    warnings: [
      ...unknown.map((name) => `${name} is not known and was ignored; did you mean ${closest(name, knownNames)}?`),
      ...dashboard.warnings,
    ],
  }
}

type Given = z.output<typeof variables> & { vouching: VouchingRules | null }

function configOf(given: Given, absolute: (text: string) => string, isTerminal: boolean): Config {
  const dataDir = absolute(given.CODEX_LB_DATA_DIR)
  const database = given.CODEX_LB_DATABASE_URL ?? `sqlite:${join(dataDir, 'codex-lb.db')}`
  return Object.freeze({
    host: given.CODEX_LB_HOST,
    port: given.CODEX_LB_PORT,
    dataDir,
    databaseUrl: database.startsWith('sqlite:') ? `sqlite:${absolute(database.slice('sqlite:'.length))}` : database,
    encryptionKeyFile: absolute(given.CODEX_LB_ENCRYPTION_KEY_FILE ?? join(dataDir, 'codex-lb.key')),
    upstreamBaseUrl: given.CODEX_LB_UPSTREAM_BASE_URL,
    authBaseUrl: given.CODEX_LB_AUTH_BASE_URL,
    realtimeBaseUrl: given.CODEX_LB_REALTIME_BASE_URL,
    oauthCallbackPort: given.CODEX_LB_OAUTH_CALLBACK_PORT,
    trustedProxies: Object.freeze(given.CODEX_LB_TRUSTED_PROXIES),
    allowedHosts: Object.freeze(given.CODEX_LB_ALLOWED_HOSTS),
    dashboardAuthMode: given.CODEX_LB_DASHBOARD_AUTH_MODE,
    dashboardVouching: given.vouching,
    dashboardBootstrapToken: given.CODEX_LB_DASHBOARD_BOOTSTRAP_TOKEN ?? null,
    usageRefreshMs: given.CODEX_LB_USAGE_REFRESH_SECONDS * 1000,
    drainMs: given.CODEX_LB_DRAIN_SECONDS * 1000,
    logLevel: given.CODEX_LB_LOG_LEVEL,
    logFormat: given.CODEX_LB_LOG_FORMAT ?? (isTerminal ? 'pretty' : 'json'),
    metrics: given.CODEX_LB_METRICS === 'on',
    metricsToken: given.CODEX_LB_METRICS_TOKEN ?? null,
  })
}
