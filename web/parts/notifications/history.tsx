import { useInfiniteQuery } from '@tanstack/react-query'
import type { NotificationView } from '../../../src/contract/notifications.ts'
import { when } from '../../format.ts'
import { t } from '../../messages/index.ts'
import { useNow } from '../../now.ts'
import { queries } from '../../queries.ts'
import { Section } from '../../ui/page.tsx'
import { Empty, Loaded } from '../../ui/states.tsx'
import { Moment, StatusWord } from '../../ui/status.tsx'
import { Table } from '../../ui/table.tsx'

/** What was told, and how delivering it went. */
export function History() {
  const nowMs = useNow(30_000)
  const messages = useInfiniteQuery(queries.notifications())
  return (
    <Section title={t('history.title')}>
      <Loaded query={messages} what={t('what.notifications')}>
        {({ pages }) => {
          const items = pages.flatMap((page) => page.items)
          if (items.length === 0) return <Empty>{t('history.none')}</Empty>
          return (
            <div className="stack">
              <Table
                label={t('history.table')}
                rows={items}
                keyOf={({ id }) => id}
                columns={[
                  { name: t('fact.time'), cell: ({ at }) => <Moment at={at}>{when(at, nowMs)}</Moment> },
                  {
                    name: t('history.message'),
                    cell: ({ title, text }) => (
                      <div className="message long">
                        <div>{title}</div>
                        <div className="small">{text}</div>
                      </div>
                    ),
                  },
                  {
                    name: t('history.channel'),
                    isExtra: true,
                    cell: ({ channel }) => <div className="message">{channel.name}</div>,
                  },
                  { name: t('history.status'), cell: (message) => <Delivery {...message} nowMs={nowMs} /> },
                ]}
              />
              {messages.hasNextPage && (
                <div>
                  <button type="button" disabled={messages.isFetchingNextPage} onClick={() => messages.fetchNextPage()}>
                    {t(messages.isFetchingNextPage ? 'state.working' : 'history.more')}
                  </button>
                </div>
              )}
            </div>
          )
        }}
      </Loaded>
    </Section>
  )
}

type DeliveryProps = Pick<NotificationView, 'status' | 'attempts' | 'nextAttemptAt'> & { nowMs: number }

function Delivery({ status, attempts, nextAttemptAt, nowMs }: DeliveryProps) {
  const last = attempts.at(-1)
  return (
    <div className="message">
      {status === 'sent' && <StatusWord word={t('history.sent')} tone="ok" icon="tick" />}
      {status === 'failed' && <StatusWord word={t('history.failed')} tone="bad" icon="cross" />}
      {status === 'waiting' && (
        <StatusWord
          word={t('history.waiting', { time: nextAttemptAt === null ? '' : when(nextAttemptAt, nowMs) })}
          tone="warn"
          icon="clock"
        />
      )}
      {status !== 'sent' && last?.error != null && <div className="small">{last.error}</div>}
    </div>
  )
}
