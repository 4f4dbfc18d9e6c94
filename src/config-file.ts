import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseEnv } from 'node:util'

export type Env = Record<string, string | undefined>

/**
 * The environment with what `.env` and `.env.local` in `cwd` add to it. The environment wins over `.env.local`, which
 * wins over `.env`; an empty value counts as not set. A file that exists but cannot be read is a fault.
 */
export function loadEnv(cwd: string, env: Env): { env: Env; faults: string[] } {
  const faults: string[] = []
  const layers = ['.env', '.env.local'].map((name) => {
    try {
      return parseEnv(readFileSync(join(cwd, name), 'utf8'))
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
      if (code !== 'ENOENT') {
        faults.push(`${name}: the file cannot be read (${code}); make it a readable file or remove it`)
      }
      return {}
    }
  })
  const merged: Env = {}
  for (const [name, value] of [...layers, env].flatMap((layer) => Object.entries(layer))) {
    const text = value?.trim()
    if (text) merged[name] = text
  }
  return { env: merged, faults }
}
