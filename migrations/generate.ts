import { execFileSync } from 'node:child_process'
import { join } from 'node:path'

/** `npm run migrations -- NAME`: writes what the schema has changed since the last migration, for both engines. */
const [name] = process.argv.slice(2)
if (name === undefined || !/^[a-z_]+$/.test(name)) {
  console.error('Give the migration a name of small letters, such as: npm run migrations -- api_keys')
  process.exit(2)
}
for (const dialect of ['sqlite', 'postgres']) {
  const config = join('migrations', `${dialect}.config.ts`)
  execFileSync('drizzle-kit', ['generate', '--config', config, '--name', name], { stdio: 'inherit' })
}
