import { browserSupportsWebAuthn, startAuthentication, startRegistration, WebAuthnError } from '@simplewebauthn/browser'
import type { SessionView } from '../src/contract/session.ts'
import { api } from './api.ts'
import { t } from './messages/index.ts'

/** Whether this browser has passkeys at this address. */
export const browserHasPasskeys = () => browserSupportsWebAuthn()

type AuthenticationOptions = Parameters<typeof startAuthentication>[0]['optionsJSON']
type RegistrationOptions = Parameters<typeof startRegistration>[0]['optionsJSON']

/** Signs in, alone or in place of a code. @throws Error for people */
export async function signInWithPasskey(): Promise<SessionView> {
  return api.logInWithPasskey(await ask())
}

/** Makes a passkey, and gives its view. The proof is the password, or null for a passkey that is known. */
export async function addPasskey({ name, password }: { name: string; password: string | null }) {
  const options = await api.startPasskey(password === null ? { passkey: await ask() } : { password })
  const made = await readable(startRegistration({ optionsJSON: options as unknown as RegistrationOptions }))
  return api.addPasskey({ name, passkey: plain(made) })
}

async function ask() {
  const options = await api.passkeyChallenge()
  return plain(await readable(startAuthentication({ optionsJSON: options as unknown as AuthenticationOptions })))
}

/** As JSON has it: the library's types know which extensions there are, and the server heeds none. */
function plain<T extends { clientExtensionResults: object }>(
  made: T,
): Omit<T, 'clientExtensionResults'> & { clientExtensionResults: Record<string, unknown> } {
  return { ...made, clientExtensionResults: Object.fromEntries(Object.entries(made.clientExtensionResults)) }
}

/** Browsers tell little of what went wrong, and in their own words. */
async function readable<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    const isKnown = error instanceof WebAuthnError && error.code === 'ERROR_AUTHENTICATOR_PREVIOUSLY_REGISTERED'
    throw new Error(t(isKnown ? 'passkeys.known' : 'passkeys.cancelled'), { cause: error })
  }
}
