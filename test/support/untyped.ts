/** What comes back over the wire: a test looks into it as a client without types would, and fails where it is not there. */
// biome-ignore lint/suspicious/noExplicitAny: `unknown` would want a check at each step into an answer, and what is not there fails the test anyway.
export type Untyped = any
