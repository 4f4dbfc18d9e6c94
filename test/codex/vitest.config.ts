import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ['*.suite.ts'],
    globalSetup: ['./install.ts'],
    testTimeout: 60_000,
    maxWorkers: 3,
    hookTimeout: 60_000,
    disableConsoleIntercept: true,
  },
})
