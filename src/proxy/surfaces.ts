/** A client-facing route for turns: what it takes, what it answers, and how its clients are spoken to. */
export type Surface = {
  path: string
  /** `native`: bytes pass as they came, if they have the upstream's form. `public`: always brought into that form. */
  body: 'native' | 'public' | 'compaction'
  answers: 'stream' | 'as_asked' | 'json'
  /** How streams are kept alive and how they report a break. */
  dialect: 'codex' | 'public'
}

export const surfaces: readonly Surface[] = [
  { path: '/backend-api/codex/responses', body: 'native', answers: 'stream', dialect: 'codex' },
  { path: '/v1/responses', body: 'public', answers: 'as_asked', dialect: 'public' },
  { path: '/backend-api/codex/responses/compact', body: 'compaction', answers: 'json', dialect: 'codex' },
  { path: '/v1/responses/compact', body: 'compaction', answers: 'json', dialect: 'public' },
]

/** Where clients try to open a WebSocket. */
export const webSocketPaths = ['/backend-api/codex/responses', '/v1/responses']
