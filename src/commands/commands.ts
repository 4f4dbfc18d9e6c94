import type { Command } from './command.ts'

/** Every command that is offered. What a command needs is loaded when it runs, so that help is quick. */
export const commands: readonly Command[] = [
  {
    name: 'serve',
    summary: 'Serve the proxy and the dashboard (the default)',
    operands: '',
    help: `Listens on CODEX_LB_HOST and CODEX_LB_PORT (http://127.0.0.1:2455 unless set) and prints one line when it
accepts requests. SIGTERM or SIGINT lets running answers finish, for at most CODEX_LB_DRAIN_SECONDS; a second
signal ends at once.`,
    run: async (call) => (await import('./serve.ts')).serve(call),
  },
  {
    name: 'import',
    summary: 'Add accounts from auth.json files',
    operands: 'FILE…|DIR…',
    help: `Reads auth.json files of the Codex CLI (one login, or a list of them) and of OpenCode. Of a directory, every
*.json file in it is read, without its subdirectories. A known account gets the new tokens and keeps the rest.
Ends with 1 when anything was rejected; everything else is imported nevertheless.`,
    run: async (call) => (await import('./import.ts')).importAccounts(call),
  },
  {
    name: 'setup',
    summary: 'Point a client of this machine here, or undo it',
    operands: 'codex|opencode|claude',
    options: { url: 'URL', key: 'KEY', 'key-env': '', model: 'MODEL', 'dry-run': '', yes: '', undo: '' },
    help: `Changes the client's own configuration: it shows the difference, asks, and keeps a copy of what was there. --url is
where the server is (this machine's, unless given). From another machine a key is needed: --key writes it into the
file, --key-env lets the client read CODEX_LB_API_KEY. --model chooses the model to begin with. --dry-run only shows,
--yes does not ask, --undo takes it all back.`,
    run: async (call, options) => (await import('./setup.ts')).setup(call, options),
  },
  {
    name: 'what-if',
    summary: 'Replay the logged turns through other routing strategies',
    operands: '',
    options: { since: '7d', strategy: 'NAME', json: '' },
    help: `Plays the turns of the log again, with the server's own decisions, once as the settings are and once for each
strategy, and prints what each would have met: windows used up, turns refused, threads moved, cache kept. --since
takes days or hours (7d, 36h; 30 days at most), --strategy may be repeated and is every strategy when left out,
--json prints the whole answer. Nothing is changed and nothing is sent; the server may be running.`,
    run: async (call, options) => (await import('./what-if.ts')).whatIfCommand(call, options),
  },
  {
    name: 'demo',
    summary: 'Look around with fake accounts and a simulated upstream',
    operands: '',
    help: 'Runs the real product against a simulator. Nothing is sent out, and your data directory is not touched.',
    run: async (call) => (await import('./demo.ts')).demo(call),
  },
  {
    name: 'doctor',
    summary: 'Look for what is wrong, each with cause and fix',
    operands: '',
    options: { url: 'URL', key: 'KEY', json: '' },
    help: `Looks at the clock, the data directory, the database and its key, the upstream, the ports, the clients of this
machine, and, when a server runs, at the way to it: whether headers and streams arrive as they were sent. With --url
(and --key) it looks at the way to a server elsewhere. Changes nothing. Ends with 1 when something has failed.`,
    run: async (call, options) => (await import('./doctor.ts')).doctor(call, options),
  },
  {
    name: 'backup',
    summary: 'Copy the database to a file, while the server runs',
    operands: 'FILE',
    options: { 'with-key': '' },
    help: `The copy is of one moment and holds everything: accounts, keys, settings, the log. Tokens in it stay encrypted; without
the key file nobody can use them. --with-key puts the key into the file as well: then whoever has the file has the
accounts, so keep it as you keep a password. PostgreSQL has pg_dump for this.`,
    run: async (call, options) => (await import('./backup.ts')).backup(call, options),
  },
  {
    name: 'restore',
    summary: 'Put a backup in the place of the database',
    operands: 'FILE',
    help: `Stop the server first. The database that was there is kept in the folder backups of the data directory. Logins that
were renewed since the backup was made may have to be signed in again.`,
    run: async (call) => (await import('./backup.ts')).restore(call),
  },
  {
    name: 'migrate-from-codex-lb',
    summary: 'Take over what the Python system of this name has',
    operands: 'DIR',
    options: { 'dry-run': '' },
    help: `DIR is its data directory, with store.db and encryption.key (usually ~/.codex-lb); it is only read. Accounts, API keys
(clients go on with the keys they have), settings and the request log are taken over; what is here already stays, so
it may be run again. Stop that system for good: two servers that renew the same logins end them for each other.
--dry-run only counts.`,
    run: async (call, options) => (await import('./migrate.ts')).migrate(call, options),
  },
  {
    name: 'reset-password',
    summary: 'Remove the dashboard password and the second factor',
    operands: '',
    help: 'Ends every session. Accounts and logged requests stay. A running server notices at once.',
    run: async (call) => (await import('./reset-password.ts')).resetPassword(call),
  },
]
