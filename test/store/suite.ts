import { afterAll, afterEach, beforeEach, describe } from 'vitest'
import type { Store } from '../../src/store/store.ts'
import { type Engine, engines, type TestDatabase } from '../support/stores.ts'

/** What a test finds: a store on an empty database, made anew before each test. */
export type StoreContext = { database: TestDatabase; store: Store }

/** Runs the same tests on every engine. The context is filled before each test, so use it inside of tests only. */
export function onEveryEngine(define: (context: StoreContext, engine: Engine) => void): void {
  describe.each(engines())('on $name', (engine) => {
    // Guaranteed by beforeEach, which runs before any test reads it.
    const context = {} as StoreContext
    beforeEach(async () => {
      context.database = await engine.create()
      context.store = await context.database.open()
    }, 30_000)
    afterEach(() => context.database.dispose())
    afterAll(() => engine.close())
    define(context, engine)
  })
}
