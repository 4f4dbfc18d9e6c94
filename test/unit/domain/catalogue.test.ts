import { describe, expect, it } from 'vitest'
import { type CatalogueModel, modelsForClient, uniteModels } from '../../../src/domain/catalogue.ts'
import { isClientVersion, isNewerVersion } from '../../../src/domain/client-version.ts'
import { byRank } from '../../../src/domain/plan.ts'

const slugsOf = (models: readonly CatalogueModel[]) => models.map(({ slug }) => slug)
const fast = { id: 'priority', name: 'Fast' }
const flex = { id: 'flex', name: 'Flex' }

describe('lists of models that become one', () => {
  it('keep the first entry of each model as the very object that it is', () => {
    const [best, worse, other] = [
      { slug: 'a', priority: 1, unheard_of: { of: [1] } },
      { slug: 'a', priority: 9, unheard_of: 'else' },
      { slug: 'b', priority: 0 },
    ]
    const united = uniteModels([[best], [worse, other]])
    expect(slugsOf(united)).toEqual(['b', 'a'])
    expect(united[1]).toBe(best)
    expect(united[0]).toBe(other)
  })

  it.each([
    ['one list', [['fast']], ['fast']],
    ['a list that lacks the tier', [[], ['fast']], ['fast']],
    ['an entry without the field', [undefined, ['fast']], ['fast']],
    ['an entry with null', [null, ['fast']], ['fast']],
    ['tiers that both have', [['fast'], ['fast', 'flex']], ['fast', 'flex']],
    ['a second that says nothing', [['fast'], undefined], ['fast']],
    ['a second that says nonsense', [['fast'], 'slow'], ['fast']],
    ['objects, told apart by id', [[fast], [{ ...fast, name: 'Quick' }, flex]], [fast, flex]],
    ['nobody that knows of tiers', [null, []], null],
  ])('unite the tiers: %s', (_, given, expected) => {
    for (const field of ['service_tiers', 'additional_speed_tiers']) {
      const lists = given.map((tiers) => [
        { slug: 'a', other: true, ...(tiers === undefined ? {} : { [field]: tiers }) },
      ])
      expect(uniteModels(lists)).toEqual([{ slug: 'a', other: true, [field]: expected }])
    }
  })

  it('leave what they are made of as it was', () => {
    const entry = Object.freeze({ slug: 'a', service_tiers: Object.freeze([fast]) })
    expect(uniteModels([[entry], [{ slug: 'a', service_tiers: [flex] }]])).toEqual([
      { slug: 'a', service_tiers: [fast, flex] },
    ])
    expect(entry.service_tiers).toEqual([fast])
  })

  it('come in one order, whoever answered first', () => {
    const [a, b, c, d] = [
      { slug: 'a' },
      { slug: 'b', priority: 3 },
      { slug: 'c', priority: 3 },
      { slug: 'd', priority: 'x' },
    ]
    expect(slugsOf(uniteModels([[d, c, a], [b]]))).toEqual(['b', 'c', 'a', 'd'])
    expect(uniteModels([[b], [a, c, d]])).toEqual(
      uniteModels([
        [d, c],
        [b, a],
      ]),
    )
    expect(uniteModels([])).toEqual([])
  })
})

describe('what a client is told of', () => {
  const models = [
    { slug: 'old', minimal_client_version: '0.98.0' },
    { slug: 'new', minimal_client_version: '0.144.0' },
    { slug: 'open' },
    { slug: 'odd', minimal_client_version: 'soon' },
    { slug: 'none', minimal_client_version: null },
  ]
  it.each([
    ['0.97.9', ['open', 'odd', 'none']],
    ['0.98.0', ['old', 'open', 'odd', 'none']],
    ['0.143.99', ['old', 'open', 'odd', 'none']],
    ['0.144.0', ['old', 'new', 'open', 'odd', 'none']],
    ['1.0.0', ['old', 'new', 'open', 'odd', 'none']],
    ['0.144', ['old', 'new', 'open', 'odd', 'none']],
  ])('with version %s', (version, expected) => {
    expect(slugsOf(modelsForClient(models, version))).toEqual(expected)
  })

  it('is the same list when nothing is held back', () => {
    expect(modelsForClient(models, '0.169.0')).toBe(models)
  })
})

describe('versions of the client', () => {
  it.each(['0.169.0', '0.0.0', '12.3.4567'])('are three numbers: %s', (text) =>
    expect(isClientVersion(text)).toBe(true),
  )
  it.each(['0.169', '0.169.0-alpha.1', 'v0.169.0', '0.169.0 ', '0.169.0\n', '0..1', '1.2.34567', '', null, 169])(
    'are nothing else: %j',
    (text) => expect(isClientVersion(text)).toBe(false),
  )
  it.each([
    ['0.170.0', '0.169.9', true],
    ['0.169.10', '0.169.9', true],
    ['1.0.0', '0.999.999', true],
    ['0.169.0', '0.169.0', false],
    ['0.99.0', '0.169.0', false],
    ['0.170.0-rc', '0.169.0', false],
    ['0.170.0', 'unknown', false],
  ])('are compared as numbers: %s after %s is %s', (version, than, expected) => {
    expect(isNewerVersion(version, than)).toBe(expected)
  })
})

it('plans come with the highest first, each once, unknown ones last', () => {
  expect(byRank(['zeta', 'free', 'plus', 'pro', 'alpha', 'plus', 'enterprise'])).toEqual([
    ...['enterprise', 'pro', 'plus', 'free'],
    ...['alpha', 'zeta'],
  ])
})
