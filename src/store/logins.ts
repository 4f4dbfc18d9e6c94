import { and, desc, eq, inArray, lt, not } from 'drizzle-orm'
import { isOver, type LoginFlow, type LoginSecrets } from '../domain/login.ts'
import { Secret, type Vault } from '../lib/secrets.ts'
import type { LoginStore } from './login-store.ts'
import type { Tables } from './schema.ts'
import type { Db, Unit } from './unit.ts'

export function createLogins({ logins: t }: Tables, unit: Unit, vault: Vault): LoginStore {
  const identity = (id: string) => `login:${id}`
  const flowOf = ({ secrets, ...row }: typeof t.$inferSelect): LoginFlow => ({
    ...row,
    secrets: secrets === null ? null : secretsOf(row.method, vault.open(secrets, identity(row.id))),
  })
  return {
    async add({ secrets, ...flow }) {
      const sealed = secrets && vault.seal(textOf(secrets), identity(flow.id))
      await unit('logins.add', async (tx) => {
        await tx.insert(t).values({ ...flow, secrets: sealed })
      })
    },
    async get(id) {
      const [row] = await unit('logins.get', async (tx) => tx.select().from(t).where(eq(t.id, id)))
      return row ? flowOf(row) : null
    },
    async list(limit) {
      const rows = await unit('logins.list', async (tx) =>
        tx.select().from(t).orderBy(desc(t.createdAtMs), desc(t.id)).limit(limit),
      )
      return rows.map(flowOf)
    },
    move(id, from, change) {
      const forgotten = isOver(change) ? { secrets: null, nextPollAtMs: null } : {}
      const work = async (tx: Db) => {
        const moved = await tx
          .update(t)
          .set({ ...change, ...forgotten })
          .where(and(eq(t.id, id), eq(t.status, from)))
          .returning({ id: t.id })
        return moved.length > 0
      }
      return unit('logins.move', work, 'durable')
    },
    async takePoll(id, dueAtMs, nextAtMs) {
      const taken = await unit('logins.takePoll', async (tx) =>
        tx
          .update(t)
          .set({ nextPollAtMs: nextAtMs })
          .where(and(eq(t.id, id), eq(t.status, 'pending'), eq(t.nextPollAtMs, dueAtMs)))
          .returning({ id: t.id }),
      )
      return taken.length > 0
    },
    async slowDown(id, intervalMs, nextAtMs) {
      await unit('logins.slowDown', async (tx) => {
        await tx
          .update(t)
          .set({ intervalMs, nextPollAtMs: nextAtMs })
          .where(and(eq(t.id, id), eq(t.status, 'pending')))
      })
    },
    async prune(beforeMs) {
      const underWay: LoginFlow['status'][] = ['pending', 'exchanging']
      await unit('logins.prune', async (tx) => {
        await tx.delete(t).where(and(lt(t.createdAtMs, beforeMs), not(inArray(t.status, underWay))))
      })
    },
  }
}

function textOf(secrets: LoginSecrets): Secret {
  const [first, second] =
    secrets.method === 'browser' ? [secrets.state, secrets.verifier] : [secrets.deviceAuthId, secrets.userCode]
  return new Secret(JSON.stringify([first.reveal(), second.reveal()]))
}

function secretsOf(method: LoginFlow['method'], text: Secret): LoginSecrets {
  const [first, second] = (JSON.parse(text.reveal()) as string[]).map((part) => new Secret(part))
  if (first === undefined || second === undefined) throw new TypeError('A stored sign-in is not whole.')
  return method === 'browser'
    ? { method, state: first, verifier: second }
    : { method, deviceAuthId: first, userCode: second }
}
