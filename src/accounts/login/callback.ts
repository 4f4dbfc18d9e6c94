import { Secret } from '../../lib/secrets.ts'

/** What the sign-in server sent a browser back with: a code, or why there is none. */
export type Callback = { state: string } & ({ code: Secret } | { error: string })

const codeForm = /^[\x21-\x7e]{1,4096}$/
const words = /^[a-z0-9_.-]{1,64}$/i

/** Reads the parameters of the callback address. A string says what is wrong with them. */
export function readCallback(query: URLSearchParams): Callback | string {
  const { code, state, error } = {
    code: query.get('code'),
    state: query.get('state'),
    error: query.get('error'),
  }
  if (state === null || state === '') {
    return 'has no "state" in it: copy the whole address that the browser ended on, from http to the end.'
  }
  if (state.length > 500) return 'has a "state" that is too long to be ours.'
  if (error !== null) return { state, error: words.test(error) ? error.toLowerCase() : 'unknown_error' }
  if (code === null || code === '') {
    return 'has no "code" in it: copy the whole address that the browser ended on, from http to the end.'
  }
  if (!codeForm.test(code)) return 'has a "code" with characters that no code has: copy the address once more.'
  return { state, code: new Secret(code) }
}

/**
 * Reads what a person has pasted: the whole address, its query alone, or the code and the state with a `#`, `&` or a
 * space between them. A string says what is wrong with it.
 */
export function readPasted(text: string): Callback | string {
  const pasted = text.trim().replace(/^["'<]+|["'>]+$/g, '')
  if (pasted === '') return 'is empty: paste the address that the browser ended on.'
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(pasted)) {
    if (!URL.canParse(pasted)) return 'is not an address: copy it once more from the address bar.'
    const { searchParams, hash } = new URL(pasted)
    return readCallback(searchParams.has('state') ? searchParams : new URLSearchParams(hash.slice(1)))
  }
  const query = pasted.slice(pasted.indexOf('?') + 1)
  if (/(^|&)(code|state|error)=/.test(query)) return readCallback(new URLSearchParams(query))
  const [code = '', state = '', ...more] = pasted.split(/[#&\s]+/)
  if (more.length > 0) return 'is neither an address nor a code with its state.'
  return readCallback(new URLSearchParams({ code, state }))
}
