import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import OpenAI from 'openai'
import { describe, expect, it } from 'vitest'
import { AppError } from '../../../../src/errors.ts'
import { normalizeRequest } from '../../../../src/proxy/normalize.ts'
import { createAccount } from '../../../../src/simulator/accounts.ts'
import { refusalOf } from '../../../../src/simulator/validation.ts'
import { imagesOf } from '../../../../src/translate/images/answer.ts'
import { speakImages } from '../../../../src/translate/images/driver.ts'
import { editParameters, generationParameters } from '../../../../src/translate/images/parameters.ts'
import { type ImageAction, type ImageAsk, imageToResponses } from '../../../../src/translate/images/request.ts'
import { createImageStream } from '../../../../src/translate/images/stream.ts'
import type { Json } from '../../../../src/translate/json.ts'
import { nowMs } from '../../../support/accounts.ts'

const folder = join(import.meta.dirname, '../../../fixtures/translate/images')
const read = (path: string) => readFileSync(join(folder, path), 'utf8')
const account = createAccount({ email: 'a@example.com', plan: 'plus' }, {}, nowMs)
const host = 'gpt-5.5'
const nowSeconds = 1_780_000_000

const plain = { prompt: 'A fox' }
const images = [{ image_url: 'data:image/png;base64,Zm9v' }]
const edit = { ...plain, images }
const ask: ImageAsk = {
  ...{ action: 'generate', request: {}, stream: true },
  asked: { size: 'auto', quality: 'auto', background: 'auto', output_format: 'png' },
}

function refusal(body: Json, action: ImageAction = 'generate'): { param: string | undefined; message: string } {
  try {
    imageToResponses(body, action, host)
  } catch (error) {
    if (error instanceof AppError && error.code === 'invalid_request') {
      return { param: error.details.param, message: error.message }
    }
    throw error
  }
  throw new Error('It was not refused.')
}
const toolOf = (body: Json, action: ImageAction = 'generate') => {
  const { tools } = imageToResponses(body, action, host).request as { tools: Json[] }
  return tools[0]
}

describe('an image request becomes a response request', () => {
  it.each(readdirSync(join(folder, 'requests')))('%s', (name) => {
    const { action, body, ask: expected } = JSON.parse(read(`requests/${name}`))
    const before = structuredClone(body)
    const made = imageToResponses(body, action, host)
    expect(made).toEqual(expected)
    expect(body).toEqual(before)
    expect(refusalOf(normalizeRequest(made.request), account)).toBeNull()
  })

  it.each([
    ['generation', 'ImageGenerateParamsBase', generationParameters, ['image', 'images', 'input_fidelity', 'mask']],
    ['edit', 'ImageEditParamsBase', editParameters, ['images', 'moderation']],
  ])('with every parameter of the public API: %s', (_name, type, rules, more) => {
    const sdk = readFileSync('node_modules/openai/resources/images.d.ts', 'utf8')
    const all = new RegExp(`interface ${type} \\{([\\s\\S]*?)\\n\\}`).exec(sdk)?.[1] ?? ''
    const names = [...all.matchAll(/^ {4}(\w+)\??:/gm)].map(([, name]) => name)
    expect(names.length).toBeGreaterThan(10)
    expect(Object.keys(rules).sort()).toEqual([...names, ...more].sort())
  })

  it('takes null for left out, everywhere', () => {
    const nulls = (rules: object) => Object.fromEntries(Object.keys(rules).map((name) => [name, null]))
    expect(imageToResponses({ ...nulls(generationParameters), ...plain }, 'generate', host)).toEqual(
      imageToResponses(plain, 'generate', host),
    )
    expect(imageToResponses({ ...nulls(editParameters), ...edit }, 'edit', host)).toEqual(
      imageToResponses(edit, 'edit', host),
    )
  })

  it.each<[string, Json, ImageAction]>([
    ['prompt', {}, 'generate'],
    ['prompt', { prompt: '' }, 'generate'],
    ['prompt', { prompt: 'x'.repeat(32_001) }, 'generate'],
    ['model', { ...plain, model: 'dall-e-3' }, 'generate'],
    ['model', { ...plain, model: 'constructor' }, 'generate'],
    ['n', { ...plain, n: 2 }, 'generate'],
    ['response_format', { ...plain, response_format: 'url' }, 'generate'],
    ['quality', { ...plain, quality: 'ultra' }, 'generate'],
    ['background', { ...plain, background: 'blue' }, 'generate'],
    ['output_format', { ...plain, output_format: 'gif' }, 'generate'],
    ['output_format', { ...plain, background: 'transparent', output_format: 'jpeg' }, 'generate'],
    ['output_compression', { ...plain, output_compression: 101, output_format: 'jpeg' }, 'generate'],
    ['output_compression', { ...plain, output_compression: 80 }, 'generate'],
    ['moderation', { ...plain, moderation: 'none' }, 'generate'],
    ['partial_images', { ...plain, stream: true, partial_images: 4 }, 'generate'],
    ['partial_images', { ...plain, partial_images: '2' }, 'generate'],
    ['stream', { ...plain, stream: 'yes' }, 'generate'],
    ['images', { ...edit }, 'generate'],
    ['mask', { ...plain, mask: images[0] }, 'generate'],
    ['input_fidelity', { ...plain, input_fidelity: 'high' }, 'generate'],
    ['input_fidelity', { ...edit, input_fidelity: 'high' }, 'edit'],
    ['input_fidelity', { ...edit, model: 'gpt-image-1.5', input_fidelity: 'medium' }, 'edit'],
    ['image', { ...edit, image: 'x' }, 'edit'],
    ['images', { ...plain }, 'edit'],
    ['images', { ...plain, images: [] }, 'edit'],
    ['images', { ...plain, images: Array(17).fill(images[0]) }, 'edit'],
    ['images[0]', { ...plain, images: ['data:image/png;base64,Zm9v'] }, 'edit'],
    ['images[1]', { ...plain, images: [images[0], { image_url: 'file:///etc/passwd' }] }, 'edit'],
    ['mask', { ...edit, mask: { image_url: 7 } }, 'edit'],
    ['markup', { ...edit, markup: images[0] }, 'edit'],
  ])('but not with a wrong %s', (param, body, action) => {
    const refused = refusal(body, action)
    expect(refused.param).toBe(param)
    expect(refused.message).toMatch(/\S+ \S+ \S+/)
  })

  it('in every size that the newest model makes', () => {
    for (const size of ['auto', '1024x1024', '1536x864', '3840x2160', '2160x3840', '1408x480']) {
      expect(toolOf({ ...plain, size })).toMatchObject({ size })
    }
    for (const size of ['1000x1000', '3856x1024', '2048x512', '512x512', '3840x2176', '1024', 'x', '-16x16', 1024]) {
      expect(refusal({ ...plain, size }).param).toBe('size')
    }
  })

  it('in the three usual sizes of the older ones', () => {
    for (const model of ['gpt-image-1.5', 'gpt-image-1', 'gpt-image-1-mini']) {
      for (const size of ['auto', '1024x1024', '1536x1024', '1024x1536']) {
        expect(toolOf({ ...plain, model, size })).toMatchObject({ model, size })
      }
      expect(refusal({ ...plain, model, size: '1536x864' }).message).toContain(model)
    }
  })

  it('whose host is the one that is given', () => {
    expect(speakImages(plain, 'generate', nowMs, 'gpt-6').request.model).toBe('gpt-6')
  })
})

const recorded = readdirSync(join(folder, 'answers')).flatMap((file) => /^(.+)\.events\.json$/.exec(file)?.[1] ?? [])
const eventsOf = (name: string): Json[] => JSON.parse(read(`answers/${name}.events.json`))

describe('a recorded answer', () => {
  it.each(recorded)('%s as a stream', (name) => {
    const stream = createImageStream(ask, nowSeconds)
    const events = eventsOf(name)
    expect(events.map((event) => stream.event(event)).join('')).toBe(read(`answers/${name}.sse`))
    expect([stream.end(), stream.fail('x', 'y'), ...events.map((event) => stream.event(event))].join('')).toBe('')
  })

  it.each(recorded)('%s as an object', (name) => {
    const events = eventsOf(name)
    const items = events.flatMap((event) => (event.type === 'response.output_item.done' ? [event.item] : []))
    const response = (events.at(-1)?.response ?? {}) as Json
    const output = response.output as unknown[] | undefined
    const whole = output?.length === 0 ? { ...response, output: items } : response
    const expected = JSON.parse(read(`answers/${name}.object.json`))
    if ('data' in expected) expect(imagesOf(whole, ask, nowSeconds)).toEqual(expected)
    else {
      const told = expect.objectContaining({ code: expected.code, message: expected.error })
      expect(() => imagesOf(whole, ask, nowSeconds)).toThrow(told)
    }
  })
})

describe('a stream of images', () => {
  const sdk = (text: string) =>
    new OpenAI({
      ...{ apiKey: 'sk-none', baseURL: 'http://127.0.0.1:1/v1', maxRetries: 0 },
      fetch: async () => new Response(text, { headers: { 'content-type': 'text/event-stream' } }),
    })
  const textOf = (name: string, action: ImageAction = 'generate') => {
    const stream = createImageStream({ ...ask, action }, nowSeconds)
    return eventsOf(name)
      .map((event) => stream.event(event))
      .join('')
  }

  it('is read by the SDK', async () => {
    const heard: string[] = []
    const client = sdk(textOf('partial-images'))
    for await (const event of await client.images.generate({ prompt: 'x', stream: true })) heard.push(event.type)
    const partial = 'image_generation.partial_image'
    expect(heard).toEqual([partial, partial, 'image_generation.completed'])
  })

  it('of an edit has the names of edits', async () => {
    expect(textOf('partial-images', 'edit').match(/^event: .*$/gm)).toEqual([
      ...['event: image_edit.partial_image', 'event: image_edit.partial_image', 'event: image_edit.completed'],
    ])
  })

  it('that fails is an error to the SDK', async () => {
    const reading = async () => {
      for await (const _event of await sdk(textOf('failed')).images.generate({ prompt: 'x', stream: true }));
    }
    await expect(reading()).rejects.toThrow('Too many images.')
  })

  it('that just ends says so', () => {
    const stream = createImageStream(ask, nowSeconds)
    for (const event of eventsOf('partial-images').slice(0, -1)) stream.event(event)
    expect(stream.end()).toContain('"code":"stream_incomplete"')
    expect(stream.end()).toBe('')
  })

  it('stays well formed whatever comes', () => {
    const types = [
      'created',
      'completed',
      'failed',
      'incomplete',
      'output_item.done',
      'image_generation_call.partial_image',
    ]
    const value = fc.oneof(
      fc.jsonValue(),
      fc.constant('x'),
      fc.constant({ type: 'image_generation_call', result: 'x' }),
    )
    const event = fc.record(
      {
        type: fc.oneof(fc.constantFrom(...types.map((type) => `response.${type}`), 'error'), fc.string()),
        response: fc.oneof(
          fc.record({ output: fc.oneof(fc.array(value), value), tool_usage: value, error: value }),
          value,
        ),
        item: value,
        partial_image_b64: value,
        partial_image_index: value,
      },
      { requiredKeys: ['type'] },
    )
    fc.assert(
      fc.property(fc.array(event), (events) => {
        const stream = createImageStream(ask, nowSeconds)
        const text = events.map((one) => stream.event(one)).join('') + stream.end()
        const parts = text.split('\n\n').slice(0, -1)
        const named = parts.map((part) => /^event: ([\w.]+)\ndata: (.*)$/.exec(part))
        expect(named.every((part) => part !== null && JSON.parse(part[2] ?? '').type === part[1])).toBe(true)
        const ends = named.filter((part) => part?.[1] === 'error' || part?.[1]?.endsWith('.completed'))
        expect(ends).toHaveLength(1)
        expect(named.at(-1)).toBe(ends[0])
      }),
    )
  })
})
