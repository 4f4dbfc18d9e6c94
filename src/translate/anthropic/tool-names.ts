import { createHash } from 'node:crypto'

/** The upstream takes names up to this length, the Messages API longer ones (tools of MCP servers have them). */
const mostLength = 64

/** The name that the upstream gets: always the same one for the same tool, so that old calls and new ones agree. */
export function upstreamName(name: string): string {
  if (name.length <= mostLength) return name
  const mark = createHash('sha256').update(name).digest('hex').slice(0, 8)
  return `${name.slice(0, mostLength - mark.length - 1)}_${mark}`
}
