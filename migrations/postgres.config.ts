import { defineConfig } from 'drizzle-kit'

// The generator asks for a default export.
export default defineConfig({
  dialect: 'postgresql',
  schema: './migrations/tables.postgres.ts',
  out: './migrations/postgres',
  casing: 'snake_case',
})
