import type { WindowKind } from '../quota.ts'
import type { About } from './about.ts'
import type { News } from './decide.ts'

/** A message for people: plain text, nothing secret in it. */
export type Words = { title: string; text: string }

/** How many accounts, keys or ways out a message names; the others are counted. */
const mostNamed = 5

type Of<K extends About['kind']> = Extract<About, { kind: K }>
type Teller = { showEmails: boolean }
type Say<A> = { begin(all: A[], how: Teller): Words; end(all: A[], how: Teller): Words }

/** One message for what one rule has to tell of one event. `news` is not empty, and of one kind and event. */
export function wordsOf(news: readonly News[], how: Teller): Words {
  const [first] = news
  if (first === undefined) return { title: '', text: '' }
  const { kind } = first.about
  const all = news.map(({ about }) => about)
  // The table has for each kind what takes it; a rule's news are all of its kind.
  return (table[kind] as unknown as Say<About>)[first.event](all, how)
}

const table: { [K in About['kind']]: Say<Of<K>> } = {
  pool_below: {
    begin: ([one]) => ({
      title: `The pool's ${windowName(one)} window is below ${percentOf(one?.percent)}`,
      text: `${percentOf(one?.leftPercent)} is left over all accounts.${one?.resetAtMs ? ` The first part of it comes back ${when(one.resetAtMs)}.` : ''}`,
    }),
    end: ([one]) => ({
      title: `The pool's ${windowName(one)} window is above ${percentOf(one?.percent)} again`,
      text: `${percentOf(one?.leftPercent)} is left over all accounts.`,
    }),
  },
  pool_out: {
    begin: ([one]) => ({
      title: 'All accounts are out',
      text: `${outWords(one)}${one?.nextAtMs ? ` The first comes back ${when(one.nextAtMs)}.` : ''}`,
    }),
    end: ([one]) => ({
      title: 'The pool serves again',
      text: `${one?.serving ?? 0} of ${counted(one?.accounts ?? 0, 'account')} can serve.`,
    }),
  },
  account_reauth: {
    begin: (all, how) => ({
      title: all.length === 1 ? 'An account needs a new sign-in' : `${all.length} accounts need a new sign-in`,
      text: `${accountNames(all, how)}: signed out by the upstream${reasonOf(all)}. Sign in again in the dashboard under Accounts.`,
    }),
    end: (all, how) => ({
      title: all.length === 1 ? 'An account is signed in again' : `${all.length} accounts are signed in again`,
      text: `${accountNames(all, how)}.`,
    }),
  },
  account_closed: {
    begin: (all, how) => ({
      title: all.length === 1 ? 'The upstream has closed an account' : `The upstream has closed ${all.length} accounts`,
      text: `${accountNames(all, how)}${reasonOf(all)}. It serves no more until the upstream opens it again.`,
    }),
    end: (all, how) => ({
      title: all.length === 1 ? 'A closed account is open again' : `${all.length} closed accounts are open again`,
      text: `${accountNames(all, how)}.`,
    }),
  },
  key_limit: {
    begin: (all) => ({
      title: `${all.length === 1 ? 'A limit' : `${all.length} limits`} of API keys ${all.length === 1 ? 'is' : 'are'} used to ${percentOf(all[0]?.percent)}`,
      text: named(all, keyWords),
    }),
    end: (all) => ({
      title: `${all.length === 1 ? 'A limit' : `${all.length} limits`} of API keys ${all.length === 1 ? 'has' : 'have'} room again`,
      text: named(all, keyWords),
    }),
  },
  error_rate: {
    begin: ([one]) => ({ title: `More than ${percentOf(one?.percent)} of requests fail`, text: failedWords(one) }),
    end: ([one]) => ({ title: 'Requests fail less often again', text: failedWords(one) }),
  },
  egress_down: {
    begin: (all) => ({
      title: all.length === 1 ? 'An egress proxy does not work' : `${all.length} egress proxies do not work`,
      text: named(all, ({ name, reason }) => `${plain(name)}${reason === null ? '' : ` (${plain(reason)})`}`),
    }),
    end: (all) => ({
      title: all.length === 1 ? 'An egress proxy works again' : `${all.length} egress proxies work again`,
      text: named(all, ({ name }) => plain(name)),
    }),
  },
  new_version: {
    begin: ([one]) => ({ title: `codex-lb ${one?.version} is out`, text: `This server runs ${one?.running}.` }),
    end: ([one]) => ({ title: `codex-lb ${one?.running} runs`, text: 'There is no later version.' }),
  },
}

const windowNames: Record<WindowKind, string> = { short: '5-hour', weekly: 'weekly', monthly: 'monthly' }

function windowName(one: Of<'pool_below'> | undefined): string {
  return one === undefined ? '' : windowNames[one.window]
}

/** Never rounded over a bound that it is below. */
function percentOf(percent = 0): string {
  return `${Math.floor(Math.max(0, percent) * 10) / 10} %`
}

/** Everybody reads it alike, wherever the server and the reader are. */
function when(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, 16).replace('T', ' ')} UTC`
}

function counted(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? '' : 's'}`
}

function outWords(one: Of<'pool_out'> | undefined): string {
  if (one === undefined) return ''
  const usedUp = one.usedUp === 0 ? [] : [`${one.usedUp} used up`]
  const signedOut = one.signedOut === 0 ? [] : [`${one.signedOut} signed out or closed`]
  return `None of ${counted(one.accounts, 'account')} can serve: ${[...usedUp, ...signedOut].join(', ')}.`
}

function failedWords(one: Of<'error_rate'> | undefined): string {
  if (one === undefined) return ''
  const span = `in the last ${counted(one.minutes, 'minute')}`
  if (one.requests < one.leastRequests) {
    return `There ${one.requests === 1 ? 'was' : 'were'} only ${counted(one.requests, 'request')} ${span}, too few to tell.`
  }
  return `${one.failed} of ${counted(one.requests, 'request')} ${span} failed (${percentOf((one.failed / one.requests) * 100)}).`
}

function keyWords({ keyName, limit, usedPercent, resetAtMs }: Of<'key_limit'>): string {
  const until = resetAtMs === null ? '' : `, until ${when(resetAtMs)}`
  return `${plain(keyName)}: ${plain(limit)} is used to ${percentOf(usedPercent)}${until}`
}

type SignInAbout = Of<'account_reauth' | 'account_closed'>

function accountNames(all: readonly SignInAbout[], { showEmails }: Teller): string {
  return named(all, ({ accountId, alias, email, plan }) => {
    const name = alias ?? (showEmails ? email : null)
    return name === null ? `${plan} account …${accountId.slice(-6)}` : plain(name)
  })
}

/** The upstream's word, where all have the same. */
function reasonOf(all: readonly SignInAbout[]): string {
  const [reason, ...others] = new Set(all.map((one) => one.reason))
  return reason == null || others.length > 0 ? '' : ` (${plain(reason)})`
}

function named<A>(all: readonly A[], say: (one: A) => string): string {
  const names = all.slice(0, mostNamed).map(say)
  const more = all.length - names.length
  return `${names.join('; ')}${more > 0 ? `; and ${more} more` : ''}`
}

/** What persons named or others sent, on one line. */
function plain(text: string): string {
  return text
    .replace(/[\p{C}\s]+/gu, ' ')
    .trim()
    .slice(0, 120)
}
