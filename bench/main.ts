// `npm run bench`: the product beside a plain Node pipe and beside no proxy at all, on this machine, in one run.
import { writeFileSync } from 'node:fs'
import { availableParallelism, cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { type Results, reportOf } from './report.ts'
import { type Effort, measureLoads, measureMemory, measurePolite, measureSlow, measureStart } from './scenarios.ts'
import { startRig } from './targets.ts'

const usage = `Usage: npm run bench -- [--quick] [--only PART]

--quick      less time for each figure
--only PART  loads, polite, slow, memory or start; or part of the name of one load`

const thorough: Effort = { rounds: 5, seconds: 0.7, politeRounds: 300, slowEvents: 40, turns: 10_000 }
const quick: Effort = { rounds: 2, seconds: 0.25, politeRounds: 80, slowEvents: 12, turns: 2_000 }
const parts = ['loads', 'polite', 'slow', 'memory', 'start']

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    help: { type: 'boolean', default: false },
  },
})

if (values.help) console.log(usage)
else {
  process.once('SIGINT', () => process.exit(130))
  process.once('SIGTERM', () => process.exit(143))
  await bench(values.quick ? quick : thorough, values.only)
}

async function bench(effort: Effort, only: string): Promise<void> {
  const startedAt = performance.now()
  const isLoad = only !== '' && !parts.includes(only)
  const wanted = (part: string) => only === '' || only === part
  const rig = await startRig()
  try {
    const loads = wanted('loads') || isLoad ? await measureLoads(rig, effort, isLoad ? only : '') : []
    const polite = wanted('polite') ? await measurePolite(rig, effort) : null
    const slow = wanted('slow') ? await measureSlow(rig, effort) : null
    const memory = wanted('memory') ? await measureMemory(rig, effort) : null
    const start = wanted('start') ? await measureStart(rig) : null
    const machine = {
      node: process.version,
      platform: `${process.platform} ${process.arch}`,
      cpus: availableParallelism(),
      model: cpus()[0]?.model ?? '',
    }
    const tookSeconds = Math.round((performance.now() - startedAt) / 1_000)
    const results: Results = { machine, tookSeconds, loads, polite, slow, memory, start }
    console.log(reportOf(results))
    writeFileSync(new URL('../bench-results.json', import.meta.url), `${JSON.stringify(results, null, 2)}\n`)
    console.log(`\nTook ${tookSeconds} s on ${machine.model}; all figures are in bench-results.json.`)
  } finally {
    await rig.close()
  }
}
