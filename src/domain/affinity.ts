/** What a soft key stands for, strongest first: one thread, a tree of sub-agents, a client's own prompt cache key. */
export const affinityKinds = ['thread', 'session', 'cache'] as const
export type AffinityKind = (typeof affinityKinds)[number]

/** A soft key of a request. `id` is the client's own text; what two API keys call the same is not the same. */
export type AffinityKey = { kind: AffinityKind; id: string; keyId?: string }
