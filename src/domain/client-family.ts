/**
 * The program behind a user agent, without its version and what follows: few enough values to keep sums by it.
 * `OpenAI/Python 2.8.1 (demo)` is of the family `OpenAI/Python`. Null: the client gave no name.
 */
export function clientFamily(client: string | null): string | null {
  if (client === null) return null
  const [, name = ''] = /^(.*?)(?:[/ ]v?\d|\s*\(|$)/s.exec(client) ?? []
  return name.trim().slice(0, maxLength) || null
}

const maxLength = 40
