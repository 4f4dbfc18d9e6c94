import { openConfiguredStore } from '../app-store.ts'
import type { Config } from '../config.ts'
import type { Store } from '../store/store.ts'
import type { Call } from './command.ts'

/** The configured database, for one command. What a person has to know is said; how long units take is not. */
export function openStoreFor(call: Pick<Call, 'complain'>, config: Config): Promise<Store> {
  return openConfiguredStore(config, {
    warn(fields, message) {
      if (!('unit' in fields)) call.complain(`codex-lb: ${message}`)
    },
  })
}
