import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { chromiumPath, noChromium } from './chromium.ts'

/** Once before the browser suite: builds the page that is tested, or says that nothing of it is. */
export default function setUp(): (() => void) | undefined {
  if (chromiumPath === null) {
    // At the end, where it is seen.
    return () => void process.stderr.write(`\nThe browser suite did not run; ${noChromium}\n\n`)
  }
  execFileSync(process.execPath, [join(import.meta.dirname, '../../web/build.ts')], { stdio: 'inherit' })
  return undefined
}
