import { describe, expect, it } from 'vitest'
import { meterFor, meterKey, normalisedName } from '../../../src/domain/meter.ts'
import { aMeter } from '../../support/accounts.ts'

describe('a name', () => {
  it.each([
    ['GPT-5.3-Codex-Spark', 'gpt_5_3_codex_spark'],
    ['  --a  b--', 'a_b'],
    ['codex_other', 'codex_other'],
    ['', ''],
  ])('%j is compared as %j', (name, normalised) => expect(normalisedName(name)).toBe(normalised))
})

describe('the identity of a meter', () => {
  it.each([
    ['its first name', ['My-Meter', 'other'], 'my_meter'],
    ['its second, where the first is missing', [null, undefined, '', 'Other'], 'other'],
    ['that of a known one, by any of its names', ['codex_bengalfox', 'GPT-5.3-Codex-Spark'], 'codex_spark'],
    ['the same by another of its names', [null, 'GPT-5.3-Codex-Spark'], 'codex_spark'],
    ['empty without a name', [null], ''],
  ])('is %s', (_what, names, key) => expect(meterKey(names)).toBe(key))
})

describe('the meter of a model', () => {
  const named = aMeter('GPT-9-Fast', 10)
  const spark = { ...aMeter('codex-other', 10), key: 'codex_spark' }
  it.each([
    ['has the model’s name, however it is written', 'gpt-9-fast', 'gpt_9_fast'],
    ['is known to govern it', 'gpt-5.3-codex-spark', 'codex_spark'],
    ['is none for another model', 'gpt-9', undefined],
  ])('%s', (_rule, model, key) => expect(meterFor([named, spark], model)?.key).toBe(key))

  it('is none where there are no meters', () => expect(meterFor([], 'gpt-9-fast')).toBeNull())
})
