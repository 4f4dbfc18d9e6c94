import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type { ChannelView } from '../../../src/contract/notification-channels.ts'
import { api } from '../../api.ts'
import { latency } from '../../format.ts'
import { t } from '../../messages/index.ts'
import { queries } from '../../queries.ts'
import { DeleteDialog } from '../../ui/delete-dialog.tsx'
import { Entries } from '../../ui/entries.tsx'
import { EntryButtons } from '../../ui/entry-buttons.tsx'
import { Problem } from '../../ui/states.tsx'
import { ChannelForm } from './channel-form.tsx'

/** Where messages can go, each with a button that shows whether they arrive. */
export function Channels() {
  const channels = useQuery(queries.channels())
  return (
    <Entries
      title={t('channels.title')}
      add={t('channels.add')}
      query={channels}
      what={t('what.channels')}
      none={t('channels.none')}
      entry={(channel, acts) => <Channel key={channel.id} channel={channel} {...acts} />}
      form={(channel, onClose) => <ChannelForm {...{ channel, onClose }} />}
      deletion={({ id, name }, onClose) => (
        <DeleteDialog
          title={t('channels.deleteAsk', { name })}
          remove={() => api.removeChannel(id)}
          done={t('channels.deleted')}
          queryKey={['channels']}
          onClose={onClose}
        >
          <p>{t('channels.deleteWhat')}</p>
        </DeleteDialog>
      )}
    />
  )
}

type ChannelProps = { channel: ChannelView; onEdit: () => void; onDelete: () => void }

function Channel({ channel, onEdit, onDelete }: ChannelProps) {
  const { id, kind, name } = channel
  const client = useQueryClient()
  const test = useMutation({
    mutationFn: () => api.testChannel(id),
    onSettled: () => client.invalidateQueries({ queryKey: ['channels'] }),
  })
  const notes = [
    t(`channel.${kind}`),
    targetOf(channel),
    ...(channel.isActive ? [] : [t('channels.off')]),
    ...(channel.allowPrivateAddress ? [t('channels.private')] : []),
  ]
  return (
    <li className="panel stack">
      <div className="row between">
        <div className="entry-words">
          <strong>{name}</strong>
          <div className="small">{notes.join(' · ')}</div>
        </div>
        <EntryButtons
          test={{ label: t('channels.testOf', { name }), word: t('channels.test'), run: test }}
          edit={{ label: t('channels.editOf', { name }), onClick: onEdit }}
          remove={{ label: t('channels.deleteOf', { name }), onClick: onDelete }}
        />
      </div>
      <Problem error={test.error} />
      <div role="status" className="result">
        {test.data && <TestResult kind={kind} {...test.data} />}
      </div>
    </li>
  )
}

type Result = { kind: ChannelView['kind']; ok: boolean; status: number | null; elapsedMs: number; error: string | null }

function TestResult({ kind, ok, status, elapsedMs, error }: Result) {
  const time = latency(elapsedMs)
  if (!ok) return <p className="notice bad">{t('channels.notArrived', { error: error ?? String(status ?? '') })}</p>
  const words =
    kind === 'email' ? t('channels.arrivedMail', { time }) : t('channels.arrived', { status: status ?? '', time })
  return <p className="notice ok">{words}</p>
}

function targetOf(channel: ChannelView): string {
  switch (channel.kind) {
    case 'email':
      return channel.to.join(', ')
    case 'ntfy':
      return `${hostOf(channel.server)}/${channel.topic}`
    case 'telegram':
      return channel.chatId
    default:
      return channel.urlHost
  }
}

function hostOf(url: string): string {
  return URL.parse(url)?.host ?? url
}
