import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { productFlags } from '../../bench/targets.ts'

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

it('Node gets the same flags however the program is started, and is measured with them', () => {
  const flags = productFlags.join(' ')
  expect(read('src/main.ts').split('\n')[0]).toBe(`#!/usr/bin/env -S node ${flags}`)
  const { scripts } = JSON.parse(read('package.json'))
  expect(scripts.start).toBe(`exec node ${flags} src/main.ts serve`)
  expect(scripts.demo).toBe(`exec node ${flags} src/main.ts demo`)
})
