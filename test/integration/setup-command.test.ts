import { chmod, lstat, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startCommand } from '../support/command.ts'
import { type Rig, startRig } from '../support/start.ts'
import { scratchFolder } from '../support/stores.ts'

let rig: Rig
let home: Awaited<ReturnType<typeof scratchFolder>>
beforeAll(async () => {
  rig = await startRig()
})
afterAll(() => rig.close())
beforeEach(async () => {
  home = await scratchFolder()
})
afterEach(() => home.dispose())

const run = async (...args: string[]) => {
  const command = startCommand(['setup', ...args], { CODEX_LB_PORT: new URL(rig.url).port }, home.path)
  const { code } = await command.ended
  return { code, out: command.stdout(), err: command.stderr() }
}
const at = (...names: string[]) => join(home.path, ...names)
const put = async (path: string, text: string) => {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, text)
}
const files = async (folder: string) => (await readdir(at(folder))).toSorted()

describe('codex-lb setup', () => {
  it('shows the difference, writes it, keeps a copy, and takes it all back', async () => {
    const before = '# mine\nmodel = "gpt-5.5"\n'
    await put(at('.codex/config.toml'), before)
    await chmod(at('.codex/config.toml'), 0o644)
    const { code, out } = await run('codex', '--yes')
    expect(code).toBe(0)
    expect(out).toContain('+model_provider = "codex-lb"')
    expect(out).toContain('+[model_providers.codex-lb]')
    expect(out).toContain(`+base_url = "${rig.url}/backend-api/codex"`)
    expect(await readFile(at('.codex/config.toml'), 'utf8')).toContain('# mine\nmodel = "gpt-5.5"')
    expect((await stat(at('.codex/config.toml'))).mode & 0o777).toBe(0o644)
    const [, copy = ''] = await files('.codex')
    expect(copy).toMatch(/^config\.toml\.before-codex-lb-[0-9a-f]{8}$/)
    expect(await readFile(at('.codex', copy), 'utf8')).toBe(before)

    expect(await run('codex', '--yes')).toMatchObject({ code: 0, out: expect.stringContaining('nothing to change') })
    expect(await run('codex', '--undo', '--yes')).toMatchObject({ code: 0, err: '' })
    expect(await readFile(at('.codex/config.toml'), 'utf8')).toBe(before)
    expect(await files('.codex')).toEqual(['config.toml'])
    expect(await run('codex', '--undo', '--yes')).toMatchObject({
      code: 0,
      out: expect.stringContaining('nothing to undo'),
    })
  })

  it('writes nothing unless somebody agrees, and says how', async () => {
    expect(await run('claude')).toMatchObject({ code: 1, err: expect.stringContaining('add --yes') })
    expect(await run('claude', '--dry-run')).toMatchObject({
      code: 0,
      out: expect.stringContaining('ANTHROPIC_BASE_URL'),
    })
    expect(await readdir(home.path)).not.toContain('.claude')
  })

  it('makes a file that is its owner’s where there was none, and takes it away again', async () => {
    await run('opencode', '--yes')
    const path = at('.config/opencode/opencode.json')
    const config = JSON.parse(await readFile(path, 'utf8'))
    expect(Object.keys(config.provider['codex-lb'].models).length).toBeGreaterThan(1)
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    await run('opencode', '--undo', '--yes')
    expect(await files('.config/opencode')).toEqual([])
  })

  it('undoes only what is its own when the file was changed since', async () => {
    await put(at('.codex/config.toml'), 'model_provider = "mine"\n')
    await run('codex', '--yes')
    await writeFile(
      at('.codex/config.toml'),
      `${await readFile(at('.codex/config.toml'), 'utf8')}\n[features]\napps = false\n`,
    )
    await run('codex', '--undo', '--yes')
    const text = await readFile(at('.codex/config.toml'), 'utf8')
    expect(text).toContain('model_provider = "mine"')
    expect(text).toContain('apps = false')
    expect(text).not.toContain('codex-lb')
  })

  it('keeps the first copy when it is run again for another address', async () => {
    await put(at('.claude/settings.json'), '{"theme": "dark"}\n')
    await run('claude', '--yes')
    await run('claude', '--yes', '--url', `${rig.url.replace('127.0.0.1', 'localhost')}/`)
    expect(await readFile(at('.claude/settings.json'), 'utf8')).toContain('localhost')
    await run('claude', '--undo', '--yes')
    expect(await readFile(at('.claude/settings.json'), 'utf8')).toBe('{"theme": "dark"}\n')
  })

  it('writes through a symbolic link, which stays', async () => {
    await put(at('dotfiles/config.toml'), 'model = "gpt-5.5"\n')
    await mkdir(at('.codex'))
    await symlink(at('dotfiles/config.toml'), at('.codex/config.toml'))
    await run('codex', '--yes')
    expect((await lstat(at('.codex/config.toml'))).isSymbolicLink()).toBe(true)
    expect(await readFile(at('dotfiles/config.toml'), 'utf8')).toContain('model_provider')
  })

  it('hides a key in what it shows', async () => {
    const key = `sk-clb-${'s3cret'.repeat(8)}`.slice(0, 50)
    const { out, code } = await run('codex', '--key', key, '--url', 'http://127.0.0.1:9', '--dry-run')
    expect({ code, leaks: out.includes('s3crets3cret') }).toEqual({ code: 0, leaks: false })
    expect(out).toContain('experimental_bearer_token = "sk-clb-s3c…"')
  })

  it.each([
    [['codx'], 2, 'the nearest is "codex"'],
    [['codex', 'claude'], 2, 'give one client'],
    [['codex', '--url', 'ftp://x'], 2, 'option "--url" takes the address'],
    [['codex', '--key', 'sk-other'], 2, 'takes a key of this server'],
    [['opencode', '--url', 'http://127.0.0.1:9'], 1, 'needs the list of models'],
  ])('refuses %j and says what to do', async (args, code, said) => {
    expect(await run(...args)).toMatchObject({ code, err: expect.stringContaining(said) })
  })

  it('leaves a file alone that it cannot read', async () => {
    await put(at('.codex/config.toml'), 'model = \n')
    expect(await run('codex', '--yes')).toMatchObject({
      code: 1,
      err: expect.stringContaining('was left alone: it is no valid TOML'),
    })
    expect(await readFile(at('.codex/config.toml'), 'utf8')).toBe('model = \n')
  })
})
