import type { ApiKey } from '../../domain/api-key.ts'
import { speakImages } from '../../translate/images/driver.ts'
import type { ImageAction } from '../../translate/images/request.ts'
import { mayUseModel, offeredBy } from '../key-rules.ts'
import { parseObjectBody } from '../normalize.ts'
import type { Surface } from '../surfaces.ts'
import { translatedExchange } from '../translated.ts'
import { imageFormAsJson } from './images.ts'

const prefixes = ['/v1/images', '/backend-api/codex/images']
const actions: readonly { name: string; action: ImageAction }[] = [
  { name: 'generations', action: 'generate' },
  { name: 'edits', action: 'edit' },
]

/** Images, each made in a turn of its own by the upstream's image tool. */
export const imageSurfaces: readonly Surface[] = prefixes.flatMap((prefix) =>
  actions.map(
    ({ name, action }): Surface => ({
      path: `${prefix}/${name}`,
      ...(action === 'edit' ? { prepare: imageFormAsJson } : {}),
      speak(bytes, { nowMs, accounts, key }) {
        const driver = speakImages(parseObjectBody(bytes), action, nowMs, hostOf(offeredBy(accounts, key), key))
        const { stream: streams, createStream, objectOf } = driver
        const exchange = () => translatedExchange({ streams, createStream, objectOf })
        return {
          request: Buffer.from(JSON.stringify({ ...driver.request, stream: streams })),
          form: 'public',
          exchange,
        }
      },
    }),
  ),
)

/** The text model that has nothing to do but to call the tool (protocol reference, §13). */
const usualHost = 'gpt-5.5'

/** Another one where no account has the usual one, as far as that is known, or the client may not use it. */
function hostOf(offered: readonly string[], key: ApiKey | null): string {
  const [first = key?.allowedModels?.[0] ?? usualHost] = offered
  return offered.includes(usualHost) || (offered.length === 0 && mayUseModel(key, usualHost)) ? usualHost : first
}
