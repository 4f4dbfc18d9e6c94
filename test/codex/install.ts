import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { clientVersions, packageFolder } from './codex.ts'

/** Installs the clients from the lock file when one is missing or of another version; otherwise needs no network. */
export default function installClients(): void {
  if (clientVersions.every(isInstalled)) return
  const { status } = spawnSync('npm', ['ci', '--prefix', import.meta.dirname], { stdio: 'inherit' })
  if (status !== 0 || !clientVersions.every(isInstalled)) throw new Error('The Codex clients could not be installed.')
}

function isInstalled(version: (typeof clientVersions)[number]): boolean {
  try {
    return JSON.parse(readFileSync(`${packageFolder(version)}/package.json`, 'utf8')).version === version
  } catch {
    // Not there, or half written: either way it has to be installed.
    return false
  }
}
