import { defineConfig } from 'drizzle-kit'

// The generator asks for a default export.
export default defineConfig({
  dialect: 'sqlite',
  schema: './migrations/tables.sqlite.ts',
  out: './migrations/sqlite',
  casing: 'snake_case',
})
