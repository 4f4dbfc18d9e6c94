import OpenAI, { toFile } from 'openai'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { refusalIn } from '../support/refusals.ts'
import type { Rig } from '../support/start.ts'
import { a, ask, askedOf, closeClean, startPool, turnsAt } from '../support/turns.ts'
import type { Untyped } from '../support/untyped.ts'

let rig: Rig
let client: OpenAI
beforeEach(async () => {
  rig = await startPool()
  client = new OpenAI({ apiKey: 'sk-none', baseURL: `${rig.url}/v1`, maxRetries: 0 })
})
afterEach(() => closeClean(rig))

const png = Buffer.from('\x89PNG\r\n\x1a\npicture', 'latin1')
const codex = '/backend-api/codex/images'
const bodyOf = (index = -1): Untyped => turnsAt(rig.simulator).at(index)?.body

describe('an image', { timeout: 30_000 }, () => {
  it('is made by a turn that can do nothing else', async () => {
    const made = await client.images.generate({
      ...{ model: 'gpt-image-1.5', prompt: 'A red fox', size: '1536x1024', quality: 'high', output_format: 'webp' },
      ...{ output_compression: 70, background: 'transparent', moderation: 'low' },
    })
    expect(made.data?.[0]).toEqual({ b64_json: expect.any(String), revised_prompt: 'A picture: A red fox' })
    expect(made).toMatchObject({ size: '1536x1024', quality: 'high', output_format: 'webp', background: 'transparent' })
    expect(made.usage).toMatchObject({ output_tokens: 1_056, output_tokens_details: { image_tokens: 1_056 } })
    expect(bodyOf()).toMatchObject({
      ...{ model: 'gpt-5.5', stream: true, store: false, tool_choice: { type: 'image_generation' } },
      tools: [{ type: 'image_generation', model: 'gpt-image-1.5', output_compression: 70, moderation: 'low' }],
    })
    expect((await rig.requests())[0]).toMatchObject({ route: '/v1/images/generations', status: 'success' })
  })

  it('comes bit by bit', async () => {
    const heard: string[] = []
    const stream = await client.images.generate({ prompt: 'A fox', stream: true, partial_images: 2 })
    for await (const event of stream) {
      heard.push(event.type)
      expect(event.b64_json).toMatch(/^iVBOR/)
    }
    const partial = 'image_generation.partial_image'
    expect(heard).toEqual([partial, partial, 'image_generation.completed'])
  })

  it('is edited, with the mask behind the others', async () => {
    const image = [await toFile(png, 'one.png'), await toFile(png, 'two.png', { type: 'image/png' })]
    const made = await client.images.edit({ image, mask: await toFile(png, 'mask.png'), prompt: 'Add a hat', n: 1 })
    expect(made.data).toHaveLength(1)
    const { input, instructions, tools } = bodyOf()
    expect(input[0].content.map(({ type }: { type: string }) => type)).toEqual([
      ...['input_text', 'input_image', 'input_image', 'input_image'],
    ])
    expect(input[0].content[1].image_url).toBe(`data:image/png;base64,${png.toString('base64')}`)
    expect(instructions).toContain('The last image is a mask')
    expect(tools[0]).toMatchObject({ action: 'edit', model: 'gpt-image-2' })
  })

  it('is edited bit by bit', async () => {
    const heard: string[] = []
    const image = await toFile(png, 'one.png')
    const stream = await client.images.edit({ image, prompt: 'Add a hat', stream: true, partial_images: 1 })
    for await (const event of stream) heard.push(event.type)
    expect(heard).toEqual(['image_edit.partial_image', 'image_edit.completed'])
  })

  it('is made and edited as Codex asks for it', async () => {
    const made = await ask(rig, { prompt: 'A fox', model: 'gpt-image-1.5' }, { path: `${codex}/generations` })
    expect(JSON.parse(made.text)).toMatchObject({
      created: expect.any(Number),
      data: [{ b64_json: expect.any(String) }],
    })
    const images = [{ image_url: 'data:image/png;base64,Zm9v' }]
    const edited = await ask(rig, { prompt: 'Add a hat', images, size: '1024x1024' }, { path: `${codex}/edits` })
    expect(JSON.parse(edited.text)).toMatchObject({ size: '1024x1024', data: [{ b64_json: expect.any(String) }] })
  })

  it('is tried on the next account', async () => {
    rig.simulator.script(a, { kind: 'usage_limit' })
    expect((await client.images.generate({ prompt: 'A fox' })).data).toHaveLength(1)
    expect(askedOf(rig.simulator)).toBe('ab')
  })

  it('that the model does not make is an error that no client repeats', async () => {
    const refused = client.images.generate({ prompt: 'FAKE_TEXT: I will not draw this.' })
    await expect(refused).rejects.toMatchObject({
      ...{ status: 400, code: 'image_generation_failed', message: expect.stringContaining('I will not draw this.') },
    })
    const streamed = await client.images.generate({ prompt: 'FAKE_TEXT: No.', stream: true })
    const reading = async () => {
      for await (const _event of streamed);
    }
    await expect(reading()).rejects.toThrow('The model made no image of this: No.')
  })

  it('whose stream breaks off ends with an error', async () => {
    rig.simulator.script(a, { kind: 'no_terminal' })
    const streamed = await client.images.generate({ prompt: 'A fox', stream: true, partial_images: 1 })
    const reading = async () => {
      for await (const _event of streamed);
    }
    await expect(reading()).rejects.toThrow('early')
  })

  it.each([
    ['/v1/images/generations', { prompt: 'x', response_format: 'url' }, 'response_format'],
    ['/v1/images/generations', { prompt: 'x', n: 2 }, 'n'],
    ['/v1/images/generations', { prompt: 'x', model: 'dall-e-3' }, 'model'],
    ['/v1/images/edits', { prompt: 'x' }, 'images'],
    [`${codex}/generations`, {}, 'prompt'],
  ])('at %s with %j is refused', async (path, body, param) => {
    const { status, headers, text } = await ask(rig, body, { path })
    expect(refusalIn(path, { status, headers }, text)).toMatchObject({ code: 'invalid_request', fields: [param] })
    expect(turnsAt(rig.simulator)).toEqual([])
  })

  it('has no variations, and says what there is instead', async () => {
    const path = '/v1/images/variations'
    const body = new FormData()
    body.append('image', new File([png], 'a.png'))
    const answer = await fetch(rig.url + path, { method: 'POST', body })
    expect(refusalIn(path, answer, await answer.text())).toMatchObject({
      ...{ status: 404, code: 'not_found', message: expect.stringContaining('/v1/images/edits') },
    })
  })
})
