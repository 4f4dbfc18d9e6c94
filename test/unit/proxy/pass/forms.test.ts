import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AppError } from '../../../../src/errors.ts'
import { imageFormAsJson } from '../../../../src/proxy/pass/images.ts'
import { fieldOf, fileOf, readForm, writtenForm } from '../../../../src/proxy/pass/multipart.ts'

/** A form as a client sends it. */
async function sent(fields: [string, string | File][]) {
  const form = new FormData()
  for (const [name, value] of fields) form.append(name, value)
  return writtenForm(form)
}
const png = new File([Buffer.from('\x89PNG\r\n\x1a\nrest', 'latin1')], 'a.png', { type: 'application/octet-stream' })
const jpeg = new File([Buffer.from('\xff\xd8\xff\xe0rest', 'latin1')], 'a.jpg', { type: 'image/png' })
const webp = new File([Buffer.from('RIFF1234WEBPrest', 'latin1')], 'a.webp')

async function codeOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  )
  if (error instanceof AppError) return error.code
  throw new Error(`It was not refused: ${error}`)
}

describe('a form', () => {
  it('that is written is read again as it was', async () => {
    const { body, contentType } = await sent([
      ['file', new File(['ä\r\n--x'], 'ü "1".wav', { type: 'audio/wav' })],
      ['prompt', 'Grüße\r\n'],
    ])
    const form = await readForm(body, contentType)
    const file = fileOf(form, 'file')
    expect([file.name, file.type, await file.text()]).toEqual(['ü "1".wav', 'audio/wav', 'ä\r\n--x'])
    expect(fieldOf(form, 'prompt')).toBe('Grüße\r\n')
    expect(fieldOf(form, 'other')).toBeNull()
  })

  it.each([
    ['a quoted boundary', 'multipart/form-data; charset=utf-8; boundary="a b"', 'a b'],
    ['a short boundary', 'multipart/form-data; boundary=x', 'x'],
    ['capitals', 'Multipart/Form-Data; Boundary=x', 'x'],
  ])('may have %s', async (_name, type, boundary) => {
    const body = `--${boundary}\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--${boundary}--\r\n`
    expect(fieldOf(await readForm(Buffer.from(body), type), 'a')).toBe('1')
  })

  it('may have 64 parts, and not one more', async () => {
    const of = (count: number) => sent(Array.from({ length: count }, (_, i) => [`f${i}`, 'x']))
    const good = await of(64)
    expect([...(await readForm(good.body, good.contentType)).keys()]).toHaveLength(64)
    const bad = await of(65)
    expect(await codeOf(readForm(bad.body, bad.contentType))).toBe('payload_too_large')
  })

  it('is read or refused, whatever the bytes are', async () => {
    const pieces = fc.constantFrom('--x', '--x--', '\r\n', 'Content-Disposition: form-data; name="a"', ': ', 'ä', '"')
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(pieces, fc.string())), async (parts) => {
        const reading = readForm(Buffer.from(parts.join('')), 'multipart/form-data; boundary=x')
        const result = await reading.catch((error: unknown) => error)
        expect(result instanceof FormData || result instanceof AppError).toBe(true)
      }),
    )
  })

  it('with two of what may be there once is refused', async () => {
    const { body, contentType } = await sent([
      ['file', png],
      ['file', png],
      ['prompt', 'a'],
      ['prompt', 'b'],
    ])
    const form = await readForm(body, contentType)
    expect(() => fileOf(form, 'file')).toThrow('"file" must be one file')
    expect(() => fieldOf(form, 'prompt')).toThrow('"prompt" must be one field')
  })
})

describe('a form of images', () => {
  const json = async (fields: [string, string | File][]) => {
    const { body, contentType } = await sent(fields)
    return JSON.parse((await imageFormAsJson(body, contentType)).toString('utf8'))
  }

  it('says the same as JSON, and what an image is its bytes say', async () => {
    const made = await json([
      ['image[]', png],
      ['image[]', jpeg],
      ['mask', webp],
      ['prompt', 'Add 1 hat'],
      ['n', '1'],
      ['stream', 'true'],
      ['partial_images', '2'],
      ['output_compression', ''],
      ['size', '1024x1024'],
    ])
    const url = async (type: string, file: File) =>
      `data:image/${type};base64,${Buffer.from(await file.arrayBuffer()).toString('base64')}`
    expect(made).toEqual({
      images: [{ image_url: await url('png', png) }, { image_url: await url('jpeg', jpeg) }],
      mask: { image_url: await url('webp', webp) },
      ...{ prompt: 'Add 1 hat', n: 1, stream: true, partial_images: 2, output_compression: null, size: '1024x1024' },
    })
  })

  it('leaves what is no number for the one who refuses it', async () => {
    expect(
      await json([
        ['n', 'two'],
        ['stream', 'yes'],
        ['image', png],
      ]),
    ).toMatchObject({ n: 'two', stream: 'yes' })
  })

  it('gives no field a meaning that its name has in JavaScript', async () => {
    const made = await json([
      ['__proto__', png],
      ['image', png],
    ])
    expect(Object.getPrototypeOf(made)).toBe(Object.prototype)
    expect(made.image_url).toBeUndefined()
  })

  it('with a file that is no image is refused', async () => {
    const { body, contentType } = await sent([['image', new File(['GIF89a'], 'a.gif', { type: 'image/png' })]])
    expect(await codeOf(imageFormAsJson(body, contentType))).toBe('invalid_request')
  })

  it('that is none is left as it is', async () => {
    const body = Buffer.from('{"prompt":1}')
    for (const type of ['application/json', undefined]) expect(await imageFormAsJson(body, type)).toBe(body)
  })
})
