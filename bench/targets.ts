import { rmSync } from 'node:fs'
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Program, runScript, startProgram } from './programs.ts'

export const targetNames = ['direct', 'pipe', 'product'] as const
export type TargetName = (typeof targetNames)[number]

/** Everything that is measured or measured with. `program` is null where nothing stands in between. */
export type Target = { name: TargetName; port: number; program: Program | null }

export type Rig = {
  /** A target of its own, started anew; the caller stops its program. */
  start(name: TargetName): Promise<Target>
  close(): Promise<void>
}

const accounts = 20
/** What `npm start` and the program's own first line give Node. */
export const productFlags = ['--max-semi-space-size=32']

/** Starts the upstream, and prepares a data directory with accounts for the product. Files go when the process ends. */
export async function startRig(): Promise<Rig> {
  const folder = await mkdtemp(join(tmpdir(), 'codex-lb-bench-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const upstream = await startProgram('bench/upstream.ts')
  const env = {
    CODEX_LB_PORT: '0',
    CODEX_LB_DATA_DIR: join(folder, 'data'),
    CODEX_LB_UPSTREAM_BASE_URL: `http://127.0.0.1:${upstream.port}/backend-api`,
    CODEX_LB_AUTH_BASE_URL: `http://127.0.0.1:${upstream.port}`,
    CODEX_LB_OAUTH_CALLBACK_PORT: '0',
    CODEX_LB_DRAIN_SECONDS: '1',
    CODEX_LB_LOG_LEVEL: 'warn',
  }
  const files = join(folder, 'accounts')
  await mkdir(files)
  for (let at = 0; at < accounts; at++) await writeFile(join(files, `${at}.json`), JSON.stringify(authFile(at)))
  await runScript('src/main.ts', ['import', files], env)
  return {
    close: () => upstream.stop(),
    async start(name) {
      if (name === 'direct') return { name, port: upstream.port, program: null }
      const program =
        name === 'pipe'
          ? await startProgram('bench/pipe.ts', [String(upstream.port)])
          : await startProgram('src/main.ts', ['serve'], env, productFlags)
      if (name === 'product') await liftCaps(program.port)
      return { name, port: program.port, program }
    },
  }
}

/** Nothing may wait for a place: what is measured is the way through, not the queue. */
async function liftCaps(port: number): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${port}/api/settings`, {
    method: 'PATCH',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ maxStreams: 10_000, maxTurnStarts: 10_000 }),
  })
  if (!answer.ok) throw new Error(`The product refused its settings: ${await answer.text()}`)
}

/** Credentials that last longer than the benchmark, so that no refresh gets in its way. */
function authFile(at: number): object {
  const nowSeconds = Math.floor(Date.now() / 1000)
  const owner = { chatgpt_account_id: `bench-account-${at}`, chatgpt_user_id: `bench-user-${at}` }
  const claims = {
    exp: nowSeconds + 10 * 86_400,
    email: `bench-${at}@example.test`,
    'https://api.openai.com/auth': { ...owner, chatgpt_plan_type: 'plus' },
  }
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const token = `${part({ alg: 'none' })}.${part(claims)}.c2lnbmF0dXJl`
  return {
    tokens: {
      id_token: token,
      access_token: token,
      refresh_token: `bench-refresh-${at}`,
      account_id: owner.chatgpt_account_id,
    },
    last_refresh: new Date().toISOString(),
  }
}
