/** The address at which a client of this machine finds the server. */
export function addressOf(host: string, port: number): string {
  const isAny = host === '0.0.0.0' || host === '::'
  const name = isAny ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host
  return `http://${name}:${port === 0 ? 2455 : port}`
}

/** A server's address as a person gave it, without a trailing slash; null when it is none. */
export function urlOf(text: string): string | null {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || !/^https?:$/.test(url.protocol) || url.search !== '' || url.hash !== '' || url.username !== '') {
    return null
  }
  return url.origin + url.pathname.replace(/\/+$/, '')
}
