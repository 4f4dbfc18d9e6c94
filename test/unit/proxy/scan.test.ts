import { describe, expect, it } from 'vitest'
import { ScanError, scanObject } from '../../../src/proxy/scan.ts'
import { seededRandom } from '../../support/accounts.ts'

const keys = ['model', 'input', 'stream', 'a', 'ключ', '__proto__', 'with "quotes"']
const wanted = new Set(keys)

/** The wanted values as they stand in the text, parsed. @throws ScanError, SyntaxError */
function scanned(text: string | Buffer): Record<string, unknown> {
  const bytes = Buffer.from(text)
  const found = scanObject(bytes, wanted)
  return Object.fromEntries(
    [...found].map(([key, { from, to }]) => [key, JSON.parse(bytes.toString('utf8', from, to))]),
  )
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

describe('the scanner', () => {
  it.each<[string, string, object]>([
    ['nothing in an empty object', '{}', {}],
    [
      'every kind of value',
      '{"a":"t","model":1.5e-3,"input":[1,{"a":2}],"stream":false}',
      { a: 't', model: 0.0015, input: [1, { a: 2 }], stream: false },
    ],
    ['null', '{"a":null}', { a: null }],
    ['values between spaces', ' \r\n\t{ "a" \n: 1 , "input" :\t[ ] } \n', { a: 1, input: [] }],
    ['escaped quotes and slashes', '{"a":"\\"\\\\","model":"\\\\\\"x"}', { a: '"\\', model: '\\"x' }],
    ['brackets inside texts', '{"b":["}{]["],"a":"]}"}', { a: ']}' }],
    ['keys with escapes', '{"\\u006dodel":1,"with \\"quotes\\"":2}', { model: 1, 'with "quotes"': 2 }],
    ['texts of other languages', '{"ключ":"значение 💥"}', { ключ: 'значение 💥' }],
    ['the last of several equal keys', '{"a":1,"\\u0061":2,"a":3}', { a: 3 }],
    ['only what stands at the top', '{"b":{"model":"no","a":[{"model":"no"}]},"input":"model"}', { input: 'model' }],
    ['what follows a byte order mark', '\uFEFF{"a":1}', { a: 1 }],
    ['numbers of any length', `{"b":${'1'.repeat(63)}.5,"a":0.${'0'.repeat(80)}1}`, { a: 1e-81 }],
    ['what follows a long text', `{"b":"${'\\"x'.repeat(50_000)}","a":1}`, { a: 1 }],
  ])('finds %s', (_what, text, expected) => expect(scanned(text)).toEqual(expected))

  it('takes dangerous names as ordinary keys', () => {
    const bytes = Buffer.from('{"__proto__":{"x":1},"constructor":2}')
    const found = scanObject(bytes, new Set(['__proto__', 'constructor']))
    expect([...found.keys()]).toEqual(['__proto__', 'constructor'])
    expect(({} as Record<string, unknown>).x).toBeUndefined()
  })

  it.each([
    ['nothing', ''],
    ['spaces', '  '],
    ['a byte order mark', '\uFEFF'],
    ['a list', '[]'],
    ['a text', '"{}"'],
    ['a number', '7'],
    ['an object without its end', '{'],
    ['text after the object', '{} x'],
    ['a second object', '{}{}'],
    ['a key without quotes', '{a:1}'],
    ['a key in single quotes', "{'a':1}"],
    ['a missing colon', '{"a" 1}'],
    ['a missing value', '{"a":}'],
    ['a missing comma', '{"a":1 "b":2}'],
    ['a comma too many', '{"a":1,}'],
    ['a comma too early', '{,"a":1}'],
    ['an unknown word', '{"b":undefined}'],
    ['NaN', '{"b":NaN}'],
    ['a number that begins with 0', '{"b":01}'],
    ['a number that ends in a point', '{"b":1.}'],
    ['a number with a plus', '{"b":+1}'],
    ['a number with a tail of letters', `{"b":${'1'.repeat(64)}x}`],
    ['a text without an end', '{"a":"x}'],
    ['a text that ends in an escaped quote', '{"a":"x\\"}'],
    ['a list without an end', '{"a":[1,2}'],
    ['brackets that do not match', '{"b":[1,{"c":2]}}'],
    ['a broken escape in a key', '{"\\u00zz":1}'],
    ['a comment', '{"a":1/**/}'],
    ['another kind of space', '{"a":1\u00a0}'],
    ['a control character', '{"a":1\u0000}'],
  ])('refuses %s', (_what, text) => expect(() => scanned(text)).toThrow(ScanError))

  it('refuses nesting that only an attacker writes, and takes what people write', () => {
    expect(() => scanned(`{"b":${'['.repeat(100_000)}`)).toThrow('Too deeply nested')
    expect(() => scanned(`{"b":${'['.repeat(600)}${']'.repeat(600)}}`)).toThrow('Too deeply nested')
    expect(scanned(`{"b":${'['.repeat(500)}${']'.repeat(500)},"a":1}`)).toEqual({ a: 1 })
  })

  it('says at which byte it stopped', () => {
    expect(() => scanned('{"a":"ü",x}')).toThrow('Expected a key at byte 10')
  })
})

function randomValue(random: ReturnType<typeof seededRandom>, depth: number): unknown {
  const text = () =>
    Array.from({ length: random.below(6) }, () =>
      random.pick(['a', '"', '\\', '{', ']', ' ', 'ü', '💥', '\n', ',']),
    ).join('')
  switch (random.below(depth > 3 ? 5 : 7)) {
    case 0:
      return text()
    case 1:
      return random.pick([0, -1, 1.5, 1e30, -2.5e-7, 12_345])
    case 2:
      return random.pick([true, false])
    case 3:
      return null
    case 4:
      return text().repeat(20)
    case 5:
      return Array.from({ length: random.below(4) }, () => randomValue(random, depth + 1))
    default:
      return Object.fromEntries(
        Array.from({ length: random.below(4) }, () => [random.pick([...keys, text()]), randomValue(random, depth + 1)]),
      )
  }
}

function randomDocument(seed: number): string {
  const random = seededRandom(seed)
  const fields = Array.from({ length: random.below(7) }, () => {
    const space = () => random.pick(['', '', ' ', '\n', '\t '])
    const key = JSON.stringify(random.pick([...keys, 'b', 'c']))
    const value = JSON.stringify(randomValue(random, 0), null, random.pick([0, 0, 1]))
    return `${space()}${key}${space()}:${space()}${value}${space()}`
  })
  return `{${fields.join(',')}}`
}

describe('on generated documents the scanner', () => {
  it('finds what JSON.parse finds', () => {
    for (let seed = 0; seed < 3_000; seed++) {
      const text = randomDocument(seed)
      const all = Object.entries(JSON.parse(text) as object).filter(([key]) => wanted.has(key))
      expect(scanned(text), `seed ${seed}: ${text}`).toEqual(Object.fromEntries(all))
    }
  })

  it('never accepts a document that was cut', () => {
    for (let seed = 0; seed < 120; seed++) {
      const bytes = Buffer.from(randomDocument(seed))
      for (let at = 0; at < bytes.length; at++) {
        expect(() => scanned(bytes.subarray(0, at)), `seed ${seed} cut at ${at}`).toThrow(ScanError)
      }
    }
  })

  it('agrees with JSON.parse on the wanted values of mutated documents, and never refuses a good one', () => {
    let good = 0
    let bad = 0
    for (let seed = 0; seed < 8_000; seed++) {
      const random = seededRandom(seed)
      const text = randomDocument(seed % 500)
      const at = random.below(text.length)
      const noise = random.pick(['', '"', '{', '}', '[', ']', ',', ':', '\\', ' ', '0', 'x', '-', 'null'])
      const mutated = (text.slice(0, at) + noise + text.slice(at + random.below(3))).toWellFormed()
      const value = parsed(mutated)
      const rule = `seed ${seed}: ${mutated}`
      if (isObject(value)) {
        good++
        const all = Object.entries(value).filter(([key]) => wanted.has(key))
        expect(scanned(mutated), rule).toEqual(Object.fromEntries(all))
      } else {
        bad++
        // What is inside a value that nobody asked for may still be wrong; the outside must be right.
        const outside = () => expect(() => scanned(mutated), rule).toThrow()
        if (value !== undefined || !isBalanced(mutated)) outside()
      }
    }
    expect(Math.min(good, bad)).toBeGreaterThan(1_000)
  })
})

/** True when texts are closed and brackets match: what the scanner promises of every value. */
function isBalanced(text: string): boolean {
  const open: string[] = []
  let inText = false
  for (let at = 0; at < text.length; at++) {
    const sign = text[at]
    if (inText) {
      if (sign === '\\') at++
      else if (sign === '"') inText = false
    } else if (sign === '"') inText = true
    else if (sign === '{' || sign === '[') open.push(sign === '{' ? '}' : ']')
    else if ((sign === '}' || sign === ']') && open.pop() !== sign) return false
  }
  return !inText && open.length === 0
}
