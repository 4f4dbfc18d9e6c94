import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
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
// A database may keep its tables in another schema than `public`; the search path of the connection says in which.
const folder = join('migrations', 'postgres')
for (const file of readdirSync(folder).filter((one) => one.endsWith('.sql'))) {
  const sql = readFileSync(join(folder, file), 'utf8')
  if (sql.includes('"public".')) writeFileSync(join(folder, file), sql.replaceAll('"public".', ''))
}
