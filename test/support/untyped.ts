/** What comes back over the wire: a test looks into it as a client without types would, and fails where it is not there. */
// biome-ignore lint/suspicious/noExplicitAny: no other type can be looked into at any depth; a wrong look fails its test.
export type Untyped = any
