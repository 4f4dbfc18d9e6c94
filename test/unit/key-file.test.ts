import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { KeyFileError, readOrCreateKey } from '../../src/lib/key-file.ts'
import { scratchFolder } from '../support/stores.ts'

let folder: Awaited<ReturnType<typeof scratchFolder>>
let path: string
beforeEach(async () => {
  folder = await scratchFolder()
  path = join(folder.path, 'codex-lb.key')
})
afterEach(() => folder.dispose())

describe('the key file', () => {
  it('is made once, for its owner only, and read from then on', async () => {
    const { key, warnings } = await readOrCreateKey(path, true)
    expect(key).toHaveLength(32)
    expect(warnings).toEqual([])
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect(await readFile(path, 'utf8')).toBe(`codex-lb-key-v1:${key.toString('base64')}\n`)
    expect((await readOrCreateKey(path, false)).key.equals(key)).toBe(true)
    expect(await readdir(folder.path)).toEqual(['codex-lb.key'])
  })

  it('is the same for everybody who starts at once', async () => {
    const keys = await Promise.all(Array.from({ length: 20 }, () => readOrCreateKey(path, true)))
    expect(new Set(keys.map(({ key }) => key.toString('hex'))).size).toBe(1)
    expect(await readdir(folder.path)).toEqual(['codex-lb.key'])
  })

  it('is never made anew for a database that has encrypted tokens', async () => {
    const refusal = await readOrCreateKey(path, false).catch((error: unknown) => error)
    expect(refusal).toBeInstanceOf(KeyFileError)
    for (const part of [path, 'missing', 'backup', 'CODEX_LB_ENCRYPTION_KEY_FILE']) {
      expect(String(refusal)).toContain(part)
    }
    expect(await readdir(folder.path)).toEqual([])
  })

  const short = Buffer.alloc(31).toString('base64')
  const whole = Buffer.alloc(32).toString('base64')
  it.each(['', '\n', whole, `codex-lb-key-v2:${whole}`, `codex-lb-key-v1:${short}`, `codex-lb-key-v1:${whole}\nmore`])(
    'is refused when it is damaged, and left as it is: %j',
    async (text) => {
      await writeFile(path, text)
      await expect(readOrCreateKey(path, true)).rejects.toThrow(KeyFileError)
      await expect(readOrCreateKey(path, true)).rejects.toThrow(path)
      expect(await readFile(path, 'utf8')).toBe(text)
    },
  )

  it('is refused by its name when it cannot be read or made', async () => {
    await mkdir(path)
    await expect(readOrCreateKey(path, true)).rejects.toThrow(`The key file ${path} cannot be read.`)
    const nowhere = join(folder.path, 'absent', 'codex-lb.key')
    await expect(readOrCreateKey(nowhere, true)).rejects.toThrow(`The key file ${nowhere} cannot be created.`)
  })

  it('is used with a warning when others may read it', async () => {
    const { key } = await readOrCreateKey(path, true)
    await chmod(path, 0o640)
    const again = await readOrCreateKey(path, false)
    expect(again.key.equals(key)).toBe(true)
    expect(again.warnings).toEqual([expect.stringContaining(path)])
  })
})
