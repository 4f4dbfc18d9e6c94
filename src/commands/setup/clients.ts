import { claude } from './claude.ts'
import type { ClientFile } from './client-file.ts'
import { codex } from './codex.ts'
import { openCode } from './opencode.ts'

/** Every client whose configuration we know, by the name that commands take. */
export const clients: Readonly<Record<string, ClientFile>> = { codex, opencode: openCode, claude }
