import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Where Chromium is: what CHROMIUM names, else the one on the path; null when there is none. */
export const chromiumPath = findChromium()

/** Why the browser suite did not run, and how to make it. */
export const noChromium =
  process.env.CHROMIUM === undefined
    ? 'skipped: no Chromium found; install Debian’s package "chromium", or set CHROMIUM to the program'
    : `skipped: CHROMIUM is "${process.env.CHROMIUM}", which is no program`

function findChromium(): string | null {
  const { CHROMIUM, PATH = '' } = process.env
  if (CHROMIUM !== undefined) return isProgram(CHROMIUM) ? CHROMIUM : null
  const names = ['chromium', 'chromium-browser', 'google-chrome']
  const places = PATH.split(delimiter).flatMap((folder) => names.map((name) => join(folder, name)))
  return places.find(isProgram) ?? null
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
