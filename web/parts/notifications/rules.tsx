import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { ChannelView } from '../../../src/contract/notification-channels.ts'
import type { RuleView } from '../../../src/contract/notification-rules.ts'
import { api } from '../../api.ts'
import { when } from '../../format.ts'
import { t } from '../../messages/index.ts'
import { useNow } from '../../now.ts'
import { queries } from '../../queries.ts'
import { DeleteDialog } from '../../ui/delete-dialog.tsx'
import { EntryButtons } from '../../ui/entry-buttons.tsx'
import { Section } from '../../ui/page.tsx'
import { Empty, Loaded } from '../../ui/states.tsx'
import { StatusWord } from '../../ui/status.tsx'
import { RuleForm } from './rule-form.tsx'
import { beginnings, type Condition, conditionWords, suggested } from './rule-words.ts'

type Edited = { rule: RuleView | null; condition: Condition }

/** When whom is told what, in words. */
export function Rules() {
  const rules = useQuery(queries.rules())
  const channels = useQuery(queries.channels()).data?.items ?? []
  const [edited, setEdited] = useState<Edited | null>(null)
  const [leaving, setLeaving] = useState<RuleView | null>(null)
  const begin = (condition: Condition) => setEdited({ rule: null, condition })
  return (
    <Section
      title={t('rules.title')}
      aside={
        <button type="button" disabled={channels.length === 0} onClick={() => begin(beginnings.pool_below)}>
          {t('rules.add')}
        </button>
      }
    >
      <Loaded query={rules} what={t('what.rules')}>
        {({ items }) => (
          <div className="stack">
            {items.length === 0 && (
              <Empty>
                {t('rules.none')} {channels.length === 0 && t('rules.needChannel')}
              </Empty>
            )}
            <ul className="entries">
              {items.map((rule) => (
                <Rule
                  key={rule.id}
                  {...{ rule, channels }}
                  onEdit={() => setEdited({ rule, condition: rule })}
                  onDelete={() => setLeaving(rule)}
                />
              ))}
            </ul>
            {channels.length > 0 && <Suggestions rules={items} onChoose={begin} />}
          </div>
        )}
      </Loaded>
      {edited !== null && <RuleForm {...edited} channels={channels} onClose={() => setEdited(null)} />}
      {leaving !== null && (
        <DeleteDialog
          title={t('rules.deleteAsk')}
          remove={() => api.removeRule(leaving.id)}
          done={t('rules.deleted')}
          queryKey={['rules']}
          onClose={() => setLeaving(null)}
        >
          <p>{leaving.name ?? conditionWords(leaving)}</p>
        </DeleteDialog>
      )}
    </Section>
  )
}

/** Of kinds that no rule watches yet. */
function Suggestions({ rules, onChoose }: { rules: readonly RuleView[]; onChoose: (condition: Condition) => void }) {
  const open = suggested.filter(({ kind }) => !rules.some((rule) => rule.kind === kind))
  if (open.length === 0) return null
  return (
    <div className="stack">
      <h3 className="small">{t('rules.suggested')}</h3>
      <ul className="row chips suggestions">
        {open.map((condition) => (
          <li key={condition.kind}>
            <button type="button" onClick={() => onChoose(condition)}>
              {conditionWords(condition)}
            </button>
          </li>
        ))}
      </ul>
    </div>
  )
}

type RuleProps = { rule: RuleView; channels: readonly ChannelView[]; onEdit: () => void; onDelete: () => void }

function Rule({ rule, channels, onEdit, onDelete }: RuleProps) {
  const nowMs = useNow(60_000)
  const words = conditionWords(rule)
  const { name, isActive, onSince, problem } = rule
  return (
    <li className="panel stack">
      <div className="row between">
        <div className="entry-words">
          <strong>{name === null ? words : name}</strong>
          {name !== null && <div>{words}</div>}
          <div className="small">{detailsOf(rule, channels).join(' · ')}</div>
        </div>
        <EntryButtons
          edit={{ label: t('rules.editOf', { rule: name ?? words }), onClick: onEdit }}
          remove={{ label: t('rules.deleteOf', { rule: name ?? words }), onClick: onDelete }}
        />
      </div>
      {!isActive && <StatusWord word={t('rules.off')} tone="calm" icon="bars" />}
      {isActive && onSince === null && <StatusWord word={t('rules.calm')} tone="calm" icon="ring" />}
      {isActive && onSince !== null && (
        <StatusWord word={t('rules.on', { time: when(onSince, nowMs) })} tone="warn" icon="warn" />
      )}
      {problem !== null && <p className="notice warn">{t('rules.problem', { problem })}</p>}
    </li>
  )
}

function detailsOf(rule: RuleView, channels: readonly ChannelView[]): string[] {
  const { channelIds, minGapMinutes: minutes, tellEnd, quietHours } = rule
  const names = channelIds.flatMap((id) => channels.find((channel) => channel.id === id)?.name ?? [])
  return [
    channelIds.length === 0 ? t('rules.toNobody') : t('rules.to', { channels: names.join(', ') }),
    t('rules.gap', { minutes }),
    ...(tellEnd ? [t('rules.end')] : []),
    ...(quietHours === null
      ? []
      : [t('rules.quiet', { from: quietHours.from, to: quietHours.to, zone: quietHours.timeZone })]),
  ]
}
