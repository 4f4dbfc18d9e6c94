import type { AccountView, WindowView } from '../../../src/contract/accounts.ts'
import { age, fullMoment, when } from '../../format.ts'
import { t } from '../../messages/index.ts'
import { Facts } from '../../ui/facts.tsx'
import { windowName } from '../standing.ts'

type Block = AccountView['blocks'][number]

/** What the status was derived from: every block in force, and how much at once the upstream was seen to bear. */
export function StatusFacts({ account, nowMs }: { account: AccountView; nowMs: number }) {
  const { blocks, concurrency, limitReached, inFlight, windows, meters } = account
  const learned =
    concurrency === null
      ? t('concurrency.none')
      : t('concurrency.learned', { limit: concurrency.limit, time: when(concurrency.until, nowMs) })
  return (
    <Facts
      facts={[
        { name: t('basis.name'), value: basisText(account, nowMs) },
        ...blocks.map((block) => ({
          name: blockName(block, windows, meters),
          value: <BlockText block={block} nowMs={nowMs} />,
        })),
        ...(limitReached === null ? [] : [{ name: t('fact.limitReached'), value: <code>{limitReached}</code> }]),
        { name: t('fact.inFlight'), value: String(inFlight) },
        { name: t('fact.concurrency'), value: learned },
      ]}
    />
  )
}

function basisText({ statusBasis: { kind, code, since } }: AccountView, nowMs: number): string {
  const text =
    kind === 'sign_in' && code !== null ? t('basis.sign_inCode', { code }) : t(`basis.${kind}`, { code: code ?? '?' })
  return since === null ? text : `${text}, ${age(since, nowMs)}`
}

function blockName({ by, window, meter }: Block, windows: WindowView[], meters: AccountView['meters']): string {
  if (meter !== null) return t('block.meter', { meter: meters.find(({ key }) => key === meter)?.name ?? meter })
  const found = windows.find(({ kind }) => kind === window)
  if (by === 'window' && window !== null) {
    return t('block.windowOf', { window: found ? windowName(found) : t(`window.${window}`) })
  }
  return t(`block.${by}`)
}

function BlockText({ block, nowMs }: { block: Block; nowMs: number }) {
  const { code, since, until, endIsKnown, strikes } = block
  const end = t(endIsKnown ? 'block.known' : 'block.assumed', { time: when(until, nowMs), code })
  const notes = [
    t('block.since', { age: age(since, nowMs) }),
    ...(strikes > 1 ? [t('block.strikes', { count: strikes })] : []),
  ]
  return (
    <>
      <time dateTime={until} title={fullMoment(until)}>
        {end}
      </time>{' '}
      <span className="small">{notes.join(' · ')}</span>
    </>
  )
}
