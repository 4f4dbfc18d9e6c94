import { once } from 'node:events'
import { expect, it } from 'vitest'
import { csvOf } from '../../../src/reports/csv.ts'

const textOf = async (rows: (string | number | boolean | null)[][]) => {
  let text = ''
  for await (const chunk of csvOf(['a', 'b'], rows)) text += chunk
  return text
}

it.each([
  [[['x', 1]], 'a,b\r\nx,1\r\n'],
  [[['say "so", then', 'two\nlines']], 'a,b\r\n"say ""so"", then","two\nlines"\r\n'],
  [[[null, false]], 'a,b\r\n,false\r\n'],
  [[['=1+1', '@x']], "a,b\r\n'=1+1,'@x\r\n"],
  [[['+1', '-1']], "a,b\r\n'+1,'-1\r\n"],
  [[['\tx', '\rx']], `a,b\r\n'\tx,"'\rx"\r\n`],
  [[[-1.5, 0]], 'a,b\r\n-1.5,0\r\n'],
  [[], 'a,b\r\n'],
])('%j is written as %j', async (rows, text) => {
  expect(await textOf(rows)).toBe(text)
})

it('reads no further than its reader does', async () => {
  let made = 0
  const rows = (async function* () {
    for (; made < 100_000; made++) yield ['some text of a row', made]
  })()
  const csv = csvOf(['a', 'b'], rows)
  csv.once('data', () => csv.pause())
  await once(csv, 'pause')
  await new Promise((resolve) => setTimeout(resolve, 100))
  expect(made).toBeLessThan(20_000)
  csv.destroy()
})

it('ends with an error when its rows do', async () => {
  const rows = (async function* () {
    yield ['one', 1]
    throw new Error('no more')
  })()
  const read = async () => {
    for await (const _ of csvOf(['a', 'b'], rows));
  }
  await expect(read()).rejects.toThrow('no more')
})
