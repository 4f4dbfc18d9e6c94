/**
 * The program behind a user agent, without its version and what follows: few enough values to keep sums by it.
 * `OpenAI/Python 2.8.1 (demo)` is of the family `OpenAI/Python`. Null: the client gave no name.
 */
export function clientFamily(client: string | null): string | null {
  if (client === null) return null
  return client.slice(0, endOfName(client)).trim().slice(0, maxLength) || null
}

const maxLength = 40

/** Before a version, or a remark in brackets. By hand: each request is asked, and an expression takes ten times as long. */
function endOfName(client: string): number {
  for (let at = 0; at < client.length; at++) {
    const char = client[at]
    if (char === '(') return at
    if (char !== '/' && char !== ' ') continue
    const next = client[at + 1] === 'v' ? client[at + 2] : client[at + 1]
    if (next !== undefined && next >= '0' && next <= '9') return at
  }
  return client.length
}
