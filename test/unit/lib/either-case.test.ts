import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { inCamelCase } from '../../../src/lib/either-case.ts'

const Body = z.strictObject({
  maxValue: z.int().nullish(),
  plan: z.record(z.string(), z.object({ shortWindow: z.int() })).optional(),
  limits: z.array(z.strictObject({ limitType: z.string() })).default([]),
  inner: z.strictObject({ isOn: z.boolean() }).nullable().optional(),
  which: z
    .union([z.strictObject({ keyIds: z.array(z.string()) }), z.strictObject({ allKeys: z.literal(true) })])
    .optional(),
  some: z.preprocess((value) => value, z.array(z.string()).optional()),
})

describe('input fields in either case', () => {
  it('are read the same, at every depth', () => {
    const snake = {
      max_value: 1,
      limits: [{ limit_type: 'requests' }],
      inner: { is_on: true },
      which: { key_ids: ['a_b'] },
    }
    expect(Body.parse(inCamelCase(Body, snake))).toEqual({
      maxValue: 1,
      limits: [{ limitType: 'requests' }],
      inner: { isOn: true },
      which: { keyIds: ['a_b'] },
    })
  })

  it('leave the names of a record alone, which are values', () => {
    expect(inCamelCase(Body, { plan: { pro_lite: { shortWindow: 1 } } })).toEqual({
      plan: { pro_lite: { shortWindow: 1 } },
    })
  })

  it('are refused when given both ways', () => {
    expect(Body.safeParse(inCamelCase(Body, { max_value: 1, maxValue: 2 })).success).toBe(false)
  })

  it('that nobody knows stay as they were written, to be named in the refusal', () => {
    expect(inCamelCase(Body, { max_valu: 1 })).toEqual({ max_valu: 1 })
  })
})
