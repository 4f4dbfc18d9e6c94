import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** Builds the web app when it was never built, or when something that goes into it is newer than the last build. */

const web = import.meta.dirname
const built = join(web, '../dist/web/index.html')

function changedAtMs(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
}

/** A folder counts as well: a file that was removed changes it. */
function newestSourceMs(): number {
  const sources = readdirSync(web, { recursive: true, encoding: 'utf8' }).map((name) => join(web, name))
  return Math.max(...[web, ...sources, join(web, '../package-lock.json')].map(changedAtMs))
}

if (process.argv.includes('--always') || changedAtMs(built) < newestSourceMs()) {
  process.stderr.write('codex-lb: building the web page\n')
  const { build } = await import('vite')
  await build({ configFile: join(web, 'vite.config.ts'), logLevel: 'warn' })
}
