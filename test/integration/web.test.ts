import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'vite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Rig, startRig } from '../support/start.ts'

const browser = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8', 'sec-fetch-dest': 'document' }
const page = '<!doctype html><title>codex-lb</title>'

let rig: Rig
let root: string
let scratch: string

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'codex-lb-web-'))
  root = join(scratch, 'web')
  await mkdir(join(root, 'assets'), { recursive: true })
  await writeFile(join(root, 'index.html'), page)
  await writeFile(join(root, 'theme.js'), 'let b')
  await writeFile(join(root, 'assets/index-abc.js'), 'let a')
  await writeFile(join(root, 'assets/.hidden'), 'secret')
  await writeFile(join(scratch, 'outside.txt'), 'secret')
  rig = await startRig({ importAll: false, app: { webRoot: root } })
})
afterAll(async () => {
  await rig.close()
  await rm(scratch, { recursive: true, force: true })
})

const get = (path: string, headers: Record<string, string> = {}) => fetch(rig.url + path, { headers })

/** As it stands: `fetch` cleans paths, and has its own mind about Host and caching. */
function getRaw(path: string, headers: Record<string, string> = {}): Promise<{ status: number; text: string }> {
  const { port } = new URL(rig.url)
  return new Promise((resolve, reject) => {
    request({ port, host: '127.0.0.1', path, headers }, async (answer) => {
      let text = ''
      for await (const chunk of answer) text += chunk
      resolve({ status: answer.statusCode ?? 0, text })
    })
      .on('error', reject)
      .end()
  })
}

describe('the page', () => {
  it('is served at the root and is asked for anew each time', async () => {
    const answer = await get('/', browser)
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(answer.headers.get('cache-control')).toBe('no-cache')
    expect(await answer.text()).toBe(page)
    const again = await getRaw('/', { ...browser, 'if-none-match': String(answer.headers.get('etag')) })
    expect(again).toEqual({ status: 304, text: '' })
  })

  it('may run nothing inline, load nothing from elsewhere and be framed by nobody', async () => {
    const { headers } = await get('/', browser)
    const policy = String(headers.get('content-security-policy')).split('; ')
    expect(policy).toContain("default-src 'none'")
    expect(policy).toContain("script-src 'self'")
    expect(policy).toContain("style-src 'self'")
    expect(policy).toContain("frame-ancestors 'none'")
    expect(policy.join()).not.toMatch(/unsafe|https?:|\*/)
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('referrer-policy')).toBe('no-referrer')
  })

  it('comes for every address that a browser opens', async () => {
    for (const path of ['/accounts', '/requests/req_1?tab=why', '/settings/access/']) {
      expect(await (await get(path, browser)).text(), path).toBe(page)
    }
  })

  it('does not stand in for a file or an endpoint that is missing', async () => {
    for (const path of ['/favicon.ico', '/main.js', '/accounts', '/assets', '/../outside.txt', '/.env']) {
      expect((await get(path)).status, path).toBe(404)
      expect((await get(path, { ...browser, 'sec-fetch-dest': 'script' })).status, path).toBe(404)
    }
    for (const path of ['/api', '/api/nothing', '/v1/nothing', '/backend-api/nothing', '/health/nothing']) {
      const answer = await get(path, browser)
      expect(answer.status, path).toBe(404)
      expect(await answer.json(), path).toMatchObject({ error: { code: 'not_found' } })
    }
    expect((await fetch(`${rig.url}/accounts`, { method: 'POST', headers: browser })).status).toBe(404)
  })

  it('may have files beside it, which are asked for anew each time', async () => {
    const answer = await get('/theme.js', { 'sec-fetch-dest': 'script' })
    expect(await answer.text()).toBe('let b')
    expect(answer.headers.get('cache-control')).toBe('no-cache')
    const { headers } = await get('/index.html')
    expect(headers.get('content-security-policy')).not.toBeNull()
  })

  it('is refused under a host name that is not served here', async () => {
    const { status } = await getRaw('/', { ...browser, host: 'evil.example' })
    expect(status).toBe(403)
  })
})

describe('an asset', () => {
  it('may be kept for ever, because its name changes with its content', async () => {
    const answer = await get('/assets/index-abc.js')
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-type')).toMatch(/^(text|application)\/javascript/)
    expect(answer.headers.get('cache-control')).toBe('public, max-age=31536000, immutable')
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
  })

  it('is never a file from outside its folder, nor a hidden one', async () => {
    const paths = ['../../outside.txt', '..%2f..%2foutside.txt', '%2e%2e/%2e%2e/outside.txt', '..\\..\\outside.txt']
    for (const path of [...paths, '.hidden', '%00', 'index-xyz.js', '']) {
      const answer = await getRaw(`/assets/${path}`)
      expect(answer.status, path).toBeGreaterThanOrEqual(400)
      expect(answer.status, path).toBeLessThan(500)
      expect(answer.text, path).not.toContain('secret')
    }
  })
})

describe('without a built page', () => {
  it('the server runs, and says how to build it', async () => {
    const bare = await startRig({ importAll: false, app: { webRoot: join(scratch, 'nothing') } })
    try {
      const answer = await fetch(bare.url, { headers: browser })
      expect(answer.status).toBe(200)
      expect(await answer.text()).toContain('npm run build')
      expect((await fetch(`${bare.url}/api/accounts`)).status).toBe(200)
      expect((await fetch(`${bare.url}/assets/index.js`)).status).toBe(404)
    } finally {
      await bare.close()
    }
  })
})

describe('the web app', () => {
  it('builds into files that the page may load: nothing inline, nothing from elsewhere', async () => {
    const outDir = join(scratch, 'built')
    const configFile = join(import.meta.dirname, '../../web/vite.config.ts')
    await build({ configFile, logLevel: 'warn', build: { outDir } })
    const html = await readFile(join(outDir, 'index.html'), 'utf8')
    expect(html).not.toMatch(/<style|\sstyle=|<script(?![^>]*\ssrc=)|\son\w+=/)
    const links = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link = '']) => link)
    expect(links.length).toBeGreaterThan(1)
    expect(links.filter((link) => !/^\/(assets\/)?[\w-]+\.(js|css|svg)$/.test(link))).toEqual([])
    const assets = await readdir(join(outDir, 'assets'))
    const styles = assets.filter((name) => name.endsWith('.css'))
    expect(styles).toHaveLength(1)
    for (const name of styles) {
      expect(await readFile(join(outDir, 'assets', name), 'utf8')).not.toMatch(/@import|url\(/)
    }
  }, 30_000)
})
