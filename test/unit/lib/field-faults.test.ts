import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { faultSentence, fieldFaults } from '../../../src/lib/field-faults.ts'

const faultsOf = (schema: z.ZodType, value: unknown) => {
  const { error } = schema.safeParse(value)
  return error ? fieldFaults(error) : []
}
const messageOf = (schema: z.ZodType, value: unknown) => faultsOf(z.object({ it: schema }), { it: value })[0]?.message

describe('what is wrong with a field', () => {
  it.each<[string, z.ZodType, unknown]>([
    ['must be at most 300.', z.int().max(300), 301],
    ['must be at least 0.', z.number().min(0), -1],
    ['must be less than 10.', z.number().lt(10), 10],
    ['must be more than 0.', z.number().positive(), 0],
    ['must be a whole number.', z.int(), 1.5],
    ['must be a whole number.', z.coerce.number().int(), '1.5'],
    ['must be at most 200.', z.coerce.number().int().max(200), '201'],
    ['must be a number.', z.number(), 'many'],
    ['must be a number.', z.number(), null],
    ['must be a number.', z.coerce.number(), 'many'],
    ['must be a multiple of 5.', z.number().multipleOf(5), 7],
    ['must be text.', z.string(), 7],
    ['must be true or false.', z.boolean(), 'yes'],
    ['must be a list.', z.array(z.string()), 'one'],
    ['must be an object.', z.record(z.string(), z.string()), 'one'],
    ['must be an object.', z.object({}), []],
    ['must be one of never, asked, always.', z.enum(['never', 'asked', 'always']), 'often'],
    ['must be true.', z.literal(true), false],
    ['must not be empty.', z.string().min(1), ''],
    ['must not be empty.', z.array(z.string()).min(1), []],
    ['must have at least 8 characters.', z.string().min(8), 'short'],
    ['must have at most 1 character.', z.string().max(1), 'ab'],
    ['must have exactly 6 characters.', z.string().length(6), '12345'],
    ['must have at most 2 entries.', z.array(z.int()).max(2), [1, 2, 3]],
    ['must be a time such as 2026-01-31T12:00:00Z.', z.iso.datetime(), 'yesterday'],
    ['does not have the right form.', z.string().regex(/^\d+$/), 'a'],
    ['is not valid.', z.union([z.iso.datetime(), z.number()]), true],
    ['is not valid.', z.string().refine(() => false), 'a'],
    ['is missing.', z.number(), undefined],
    ['is missing.', z.string(), undefined],
  ])('%s', (message, schema, value) => {
    expect(messageOf(schema, value)).toBe(message)
  })

  it.each<[z.ZodType, unknown]>([
    [z.string('A word of our own.'), 7],
    [z.number().max(3, 'A word of our own.'), 4],
    [z.string().regex(/^\d+$/, 'A word of our own.'), 'a'],
    [z.string().refine(() => false, 'A word of our own.'), 'a'],
    [z.enum(['a'], { error: 'A word of our own.' }), 'b'],
  ])('is said as the schema says it, where it does', (schema, value) => {
    expect(messageOf(schema, value)).toBe('A word of our own.')
  })

  it('is said of the name where a name is wrong', () => {
    const map = z.record(z.string().min(1).max(5), z.string().min(1))
    expect(faultsOf(z.object({ map }), { map: { tooLong: 'a', good: '' } })).toEqual([
      { path: 'map.tooLong', message: 'The name must have at most 5 characters.' },
      { path: 'map.good', message: 'must not be empty.' },
    ])
  })

  it('is said once for a field, and of each field that is not known', () => {
    const strict = z.strictObject({ name: z.string().min(3).regex(/^\d+$/) })
    expect(faultsOf(z.object({ a: strict }), { a: { name: 'x', colour: 1, size: 2 } })).toEqual([
      { path: 'a.name', message: 'must have at least 3 characters.' },
      { path: 'a.colour', message: 'This field is not known.' },
      { path: 'a.size', message: 'This field is not known.' },
    ])
  })
})

it('makes one sentence of the first fault', () => {
  expect(faultSentence(faultsOf(z.object({ waitSeconds: z.int().max(300) }), { waitSeconds: 301 }))).toBe(
    'waitSeconds: must be at most 300.',
  )
  expect(faultSentence(faultsOf(z.object({}), []))).toBe('The request: must be an object.')
  expect(faultSentence([])).toBe('The request is not valid.')
})
