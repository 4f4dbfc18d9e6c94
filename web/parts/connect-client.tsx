import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { type Key, t } from '../messages/index.ts'
import { queries } from '../queries.ts'
import { Copyable, Segments } from '../ui/controls.tsx'
import { type Client, clients, snippetFor } from './snippets.ts'

/** A model that stands in the snippet while the pool has not told its own. */
const usualModel = 'gpt-5.5'

const notes: Record<Client, Key> = {
  codex: 'connect.codexNote',
  claude: 'connect.claudeNote',
  python: 'connect.sdkNote',
  javascript: 'connect.sdkNote',
  curl: 'connect.sdkNote',
}

/** What to put into a client, with this page's own address in it, and a key where it is given one. */
export function ConnectClient({ apiKey = null }: { apiKey?: string | null }) {
  const [client, setClient] = useState<Client>('codex')
  const models = useQuery(queries.models())
  const model = models.data?.models[0]?.id ?? usualModel
  return (
    <div className="stack">
      <div>
        <Segments
          label={t('connect.client')}
          value={client}
          options={clients.map((value) => ({ value, label: t(`client.${value}`) }))}
          onChange={setClient}
        />
      </div>
      <Copyable
        label={t('connect.snippet', { client: t(`client.${client}`) })}
        where={t(`client.${client}.where`)}
        text={snippetFor(client, window.location.origin, model, apiKey)}
      />
      <p className="small">
        {t(notes[client])} {client === 'claude' && <Link to="/settings/clients">{t('connect.claudeModels')}</Link>}
      </p>
    </div>
  )
}
