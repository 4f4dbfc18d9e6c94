import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { chromiumPath, noChromium } from './chromium.ts'

/** Once before the browser suite: builds the page that is tested, or says that nothing of it is. */
export default function setUp(): void {
  if (chromiumPath === null) {
    process.stderr.write(`\nThe browser suite did not run; ${noChromium}\n\n`)
    return
  }
  execFileSync(process.execPath, [join(import.meta.dirname, '../../web/build.ts')], { stdio: 'inherit' })
}
