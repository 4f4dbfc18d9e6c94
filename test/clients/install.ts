import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { claudeProgram } from './claude-code.ts'
import { canRunOpenCode } from './opencode.ts'

const here = import.meta.dirname

/** Installs the clients from the lock file when one is missing or of another version; otherwise needs no network. */
export default function installClients(): void {
  if (areInstalled()) return
  // The programs are native ones in packages of their own; the scripts would only move them about.
  const { status } = spawnSync('npm', ['ci', '--ignore-scripts', '--prefix', here], { stdio: 'inherit' })
  if (status !== 0 || !areInstalled()) throw new Error('The clients could not be installed.')
}

function areInstalled(): boolean {
  const { dependencies, optionalDependencies } = JSON.parse(readFileSync(join(here, 'package.json'), 'utf8'))
  const wanted: Record<string, string> = { ...dependencies, ...(canRunOpenCode ? optionalDependencies : {}) }
  const isThere = ([name, version]: [string, string]) => installedVersion(name) === version
  return Object.entries(wanted).every(isThere) && existsSync(claudeProgram)
}

function installedVersion(name: string): string | null {
  try {
    return JSON.parse(readFileSync(join(here, 'node_modules', name, 'package.json'), 'utf8')).version
  } catch {
    // Not there, or half written: either way it has to be installed.
    return null
  }
}
