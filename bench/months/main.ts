// `npm run months`: simulated months of traffic through every strategy, and some days through the real server.
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { type StrategyName, strategyNames } from '../../src/domain/settings.ts'
import { type Months, measureMonths, monthsSizes } from './measure.ts'
import { playRealDays } from './real.ts'
import { monthsTable, realLine } from './report.ts'

const usage = `Usage: npm run months -- [--quick] [--seed N] [--accounts N] [--strategy NAME] [--no-real]

--quick          a few days and small pools, in seconds
--seed N         other traffic and other faults (default 1)
--accounts N     one pool only: ${monthsSizes.join(', ')}
--strategy NAME  one strategy only
--no-real        leave out the part with the real server`

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    seed: { type: 'string', default: '1' },
    accounts: { type: 'string' },
    strategy: { type: 'string' },
    'no-real': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

if (values.help) console.log(usage)
else process.exitCode = await months()

async function months(): Promise<number> {
  const startedAt = performance.now()
  const { quick } = values
  const strategies: readonly StrategyName[] = strategyNames.filter((name) => name === (values.strategy ?? name))
  const sizes = monthsSizes.filter((size) => size === Number(values.accounts ?? size) && (!quick || size <= 20))
  if (strategies.length === 0 || sizes.length === 0) {
    console.error(usage)
    return 2
  }
  const measured: Months[] = []
  for (const size of sizes) {
    const of = measureMonths({
      size,
      strategies,
      seed: Number(values.seed),
      days: quick ? 7 : 30,
      most: quick ? 1 : null,
    })
    measured.push(of)
    console.log(`${monthsTable(of)}\n`)
  }
  const real = values['no-real'] ? null : await playRealDays({ seed: Number(values.seed), days: quick ? 0.8 : 2 })
  if (real !== null) console.log(realLine(real))
  const tookSeconds = Math.round((performance.now() - startedAt) / 1_000)
  writeFileSync(
    new URL('../../months-results.json', import.meta.url),
    `${JSON.stringify({ measured, real }, null, 2)}\n`,
  )
  console.log(`Took ${tookSeconds} s; all figures are in months-results.json.`)
  const broken = measured
    .flatMap(({ rows }) => rows)
    .reduce((sum, { report }) => sum + report.faults.length + report.leasesLeft, 0)
  return broken + (real?.faults.length ?? 0) === 0 ? 0 : 1
}
