import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'

/**
 * What each place in `src` may import beside itself. `app` are the files that wire everything, `root` the others directly
 * in `src`, which only the wiring and the commands use.
 */
const mayImport: Record<string, readonly string[]> = {
  lib: [],
  'errors.ts': [],
  domain: ['lib'],
  balancer: ['domain'],
  store: ['domain', 'lib', 'errors.ts'],
  upstream: ['domain', 'lib', 'errors.ts'],
  translate: ['domain', 'lib', 'errors.ts'],
  settings: ['domain', 'store', 'lib'],
  auth: ['domain', 'lib', 'store', 'errors.ts'],
  egress: ['domain', 'store', 'upstream', 'lib'],
  accounts: ['domain', 'balancer', 'egress', 'store', 'upstream', 'lib', 'errors.ts'],
  stored: ['domain', 'lib', 'store', 'errors.ts'],
  reports: ['domain', 'lib', 'store', 'errors.ts'],
  notifications: ['domain', 'lib', 'store', 'accounts', 'egress'],
  sources: ['domain', 'lib', 'store', 'upstream', 'translate', 'errors.ts'],
  proxy: [
    'domain',
    'balancer',
    'accounts',
    'egress',
    'upstream',
    'store',
    'stored',
    'sources',
    'translate',
    'lib',
    'errors.ts',
  ],
  care: ['domain', 'store', 'lib', 'errors.ts'],
  contract: ['domain'],
  admin: [
    'contract',
    'care',
    'domain',
    'balancer',
    'accounts',
    'auth',
    'settings',
    'reports',
    'sources',
    'egress',
    'upstream',
    'store',
    'lib',
    'errors.ts',
    'gate.ts',
    'firewall.ts',
  ],
  metrics: ['domain', 'lib', 'errors.ts', 'gate.ts'],
  jobs: ['accounts', 'sources', 'store', 'upstream', 'domain', 'lib'],
  simulator: ['lib'],
  'gate.ts': ['domain', 'errors.ts', 'lib'],
  'firewall.ts': ['gate.ts', 'domain', 'errors.ts', 'lib'],
  root: ['gate.ts', 'firewall.ts', 'domain', 'lib', 'errors.ts', 'auth'],
  app: [
    'root',
    'metrics',
    'gate.ts',
    'firewall.ts',
    'lib',
    'errors.ts',
    'domain',
    'store',
    'stored',
    'settings',
    'reports',
    'sources',
    'egress',
    'upstream',
    'accounts',
    'proxy',
    'notifications',
    'admin',
    'auth',
    'jobs',
  ],
  commands: ['root', 'app', 'care', 'lib', 'errors.ts', 'domain', 'balancer', 'store', 'auth', 'accounts', 'simulator'],
  'main.ts': ['root', 'commands'],
}

type Source = { path: string; text: string; place: string; imports: { from: string; to: string; isType: boolean }[] }

const src = join(import.meta.dirname, '../../src')
const sources: Source[] = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => {
    const text = readFileSync(join(src, path), 'utf8')
    const lines = text.matchAll(/^(?:import|export)\s+(type\s)?[^'"]*?from\s+'([^']+)'|\bimport\(\s*'([^']+)'/gms)
    const imports = [...lines].map(([, type, from = '', dynamic]) => {
      const given = dynamic ?? from
      return { from: given, to: given.startsWith('.') ? join(dirname(path), given) : given, isType: type !== undefined }
    })
    return { path, text, place: placeOf(path), imports }
  })

function placeOf(path: string): string {
  const [first = '', rest] = path.split('/')
  if (rest !== undefined || Object.hasOwn(mayImport, first)) return first
  return /^app(-.*)?\.ts$/.test(first) ? 'app' : 'root'
}

const ours = ({ from }: { from: string }) => from.startsWith('.')

describe('the architecture', () => {
  it('sees the whole tree', () => {
    expect(sources.length).toBeGreaterThan(80)
    expect(sources.flatMap(({ imports }) => imports).length).toBeGreaterThan(300)
    expect(sources.filter(({ place }) => !Object.hasOwn(mayImport, place)).map(({ path }) => path)).toEqual([])
  })

  it('lets each folder import only the layers below it', () => {
    const wrong = sources.flatMap(({ path, place, imports }) =>
      imports
        .filter((one) => ours(one) && one.to !== '../package.json')
        .filter(({ to }) => placeOf(to) !== place && !mayImport[place]?.includes(placeOf(to)))
        .map(({ to }) => `${path} imports ${to}`),
    )
    expect(wrong).toEqual([])
  })

  it('gives the proxy the types of the store, and nothing that runs', () => {
    const wrong = sources.filter(
      ({ place, imports }) => place === 'proxy' && imports.some(({ to, isType }) => to.startsWith('store/') && !isType),
    )
    expect(wrong.map(({ path }) => path)).toEqual([])
  })

  it.each(['domain', 'balancer'])('keeps %s free of time, chance, waiting and the machine', (folder) => {
    const forbidden = /Date\.now|new Date\(\)|performance\.|Math\.random|\basync\b|\bawait\b|\bPromise\b|from 'node:/
    const wrong = sources.filter(({ place, text }) => place === folder && forbidden.test(text))
    expect(wrong.map(({ path }) => path)).toEqual([])
  })

  it('reads the environment in the configuration and at the command line only', () => {
    const wrong = sources.filter(
      ({ path, text }) => /process\.env/.test(text) && !/^(config|main\.ts|commands)/.test(path),
    )
    expect(wrong.map(({ path }) => path)).toEqual([])
  })

  it('reaches the upstream on the ways of accounts only', () => {
    const direct = /\b(createUpstreamClient|openSocket|connectionTo)\(/
    const wrong = sources.filter(({ path, text }) => direct.test(text) && !path.startsWith('upstream/'))
    // The first wires it; the others are told by `Outbound` which way to take.
    expect(wrong.map(({ path }) => path).toSorted()).toEqual([
      ...['app-parts.ts', 'proxy/pass/join-upstream.ts', 'proxy/socket-send.ts'],
    ])
  })

  it('has small files with named exports', () => {
    expect(sources.filter(({ text }) => text.trimEnd().split('\n').length > 400).map(({ path }) => path)).toEqual([])
    expect(
      sources.filter(({ text }) => /^export default\b|\bas default\b/m.test(text)).map(({ path }) => path),
    ).toEqual([])
  })
})
