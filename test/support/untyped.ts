/** What comes back over the wire: a test looks into it as a client without types would, and fails where it is not there. */
// biome-ignore lint/suspicious/noExplicitAny: the one place where tests take this freedom.
export type Untyped = any
