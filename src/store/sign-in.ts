import { and, count, eq, isNull, lt, ne } from 'drizzle-orm'
import type { Vault } from '../lib/secrets.ts'
import type { Tables } from './schema.ts'
import type { Store } from './store.ts'
import type { Db, Unit } from './unit.ts'

const name = 'dashboard'
const nothing = { passwordHash: null, viewerPasswordHash: null, totpSecret: null, bootstrapHash: null }
const rowIdentity = 'sign_in:totp'

export function createSignIn(t: Tables, unit: Unit, vault: Vault): Store['signIn'] {
  const { signIn, recoveryCodes, sessions, passkeys } = t
  const mine = eq(signIn.name, name)

  /** The row is there from the first write on. */
  async function ensure(tx: Db): Promise<void> {
    await tx.insert(signIn).values({ name, totpLastStep: 0 }).onConflictDoNothing()
  }
  async function change(
    unitName: string,
    columns: Partial<typeof signIn.$inferInsert>,
    more?: (tx: Db) => Promise<void>,
  ) {
    const work = async (tx: Db) => {
      await ensure(tx)
      await tx.update(signIn).set(columns).where(mine)
      await more?.(tx)
    }
    await unit(unitName, work, 'durable')
  }

  return {
    state: () =>
      unit('signIn.state', async (tx) => {
        const [row] = await tx.select().from(signIn).where(mine)
        const [codes] = await tx.select({ left: count() }).from(recoveryCodes)
        return {
          passwordHash: row?.passwordHash ?? null,
          viewerPasswordHash: row?.viewerPasswordHash ?? null,
          totpSecret: row?.totpSecret ? vault.open(row.totpSecret, rowIdentity) : null,
          recoveryCodesLeft: codes?.left ?? 0,
          bootstrapHash: row?.bootstrapHash ?? null,
        }
      }),
    setFirstPassword(passwordHash) {
      const work = async (tx: Db) => {
        await ensure(tx)
        const set = await tx
          .update(signIn)
          .set({ passwordHash, bootstrapHash: null })
          .where(and(mine, isNull(signIn.passwordHash)))
          .returning({ name: signIn.name })
        return set.length > 0
      }
      return unit('signIn.setFirstPassword', work, 'durable')
    },
    changePassword: (passwordHash, keptIdHash) =>
      change('signIn.changePassword', { passwordHash }, async (tx) => {
        await tx.delete(sessions).where(ne(sessions.idHash, keptIdHash))
      }),
    clear: () =>
      change('signIn.clear', nothing, async (tx) => {
        await tx.delete(recoveryCodes)
        await tx.delete(passkeys)
        await tx.delete(sessions)
      }),
    setViewerPassword: (viewerPasswordHash) =>
      change('signIn.setViewerPassword', { viewerPasswordHash }, async (tx) => {
        await tx.delete(sessions).where(eq(sessions.role, 'viewer'))
      }),
    setTotp({ secret, step, recoveryHashes }, keptIdHash) {
      const columns = { totpSecret: vault.seal(secret, rowIdentity), totpLastStep: step }
      return change('signIn.setTotp', columns, async (tx) => {
        await tx.delete(recoveryCodes)
        if (recoveryHashes.length > 0) await tx.insert(recoveryCodes).values(recoveryHashes.map((hash) => ({ hash })))
        await tx.delete(sessions).where(ne(sessions.idHash, keptIdHash))
      })
    },
    clearTotp: () =>
      change('signIn.clearTotp', { totpSecret: null }, async (tx) => {
        await tx.delete(recoveryCodes)
        await tx.delete(sessions).where(eq(sessions.level, 'password'))
      }),
    takeTotpStep: (step) =>
      unit('signIn.takeTotpStep', async (tx) => {
        const taken = await tx
          .update(signIn)
          .set({ totpLastStep: step })
          .where(and(mine, lt(signIn.totpLastStep, step)))
          .returning({ name: signIn.name })
        return taken.length > 0
      }),
    takeRecoveryCode: (hash) =>
      unit('signIn.takeRecoveryCode', async (tx) => {
        const taken = await tx
          .delete(recoveryCodes)
          .where(eq(recoveryCodes.hash, hash))
          .returning({ hash: recoveryCodes.hash })
        return taken.length > 0
      }),
    setBootstrap: (bootstrapHash) => change('signIn.setBootstrap', { bootstrapHash }),
  }
}
