import { configDefaults, defineConfig } from 'vitest/config'

const browser = 'test/browser/**/*.test.ts'

/** Everything at once, then the browser suite, whose files each have a browser of their own: one after the other. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'node',
          exclude: [...configDefaults.exclude, browser],
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'browser',
          include: [browser],
          globalSetup: ['test/support/browser-setup.ts'],
          fileParallelism: false,
          isolate: false,
          testTimeout: 30_000,
          hookTimeout: 30_000,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
