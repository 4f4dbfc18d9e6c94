#!/usr/bin/env -S node --max-semi-space-size=32
// Chunks of streams die young, but lie outside of V8's heap: a young generation of 2 × 64 MB, V8's own choice, is emptied so
// seldom that their weight brings on full collections instead. Long streams take nearly twice the processor time then.
// Nothing may be imported here: an older Node must reach the message below, not stumble over a module it cannot load.
const { node } = process.versions

if (Number.parseInt(node, 10) < 24) {
  process.stderr.write(`codex-lb needs Node.js 24 or newer; this is ${node}. See https://nodejs.org/en/download\n`)
  process.exitCode = 1
} else {
  const { loadDrizzleAsCommonJs } = await import('./modules.ts')
  loadDrizzleAsCommonJs()
  const { runCommandLine } = await import('./commands/command-line.ts')
  process.exitCode = await runCommandLine(process.argv.slice(2), {
    env: process.env,
    cwd: process.cwd(),
    isTerminal: process.stderr.isTTY === true,
    print: (line) => process.stdout.write(`${line}\n`),
    complain: (line) => process.stderr.write(`${line}\n`),
    confirm: async (question) => (await import('./commands/confirm.ts')).confirm(question),
  })
}

export {}
