/** What a client has to know to come here. */
export type Target = {
  /** Where the server is, without a trailing slash. */
  url: string
  /** Null: none is needed, or the client finds it in the environment variable `CODEX_LB_API_KEY`. */
  key: string | null
  /** True when the key is to be read from the environment. */
  keyFromEnvironment: boolean
  /** The model to begin with; null leaves the client's own choice. */
  model: string | null
  /** What the server offers, the first one being its own choice. Empty when it was not asked. */
  models: readonly { id: string }[]
}

/** One client's configuration file: where it is, and how our lines get in and out. The edits are pure. */
export type ClientFile = {
  /** As people call the client. */
  title: string
  path(env: Record<string, string | undefined>, home: string): string
  /** True when the list of models has to stand in the file. */
  needsModels: boolean
  /** The text with our lines in it; everything else stays as it was, comments too. @throws UnreadableFile */
  add(text: string, target: Target): string
  /** The text with our lines taken out, and what they had replaced (as `before` has it) put back. @throws UnreadableFile */
  remove(text: string, before: string): string
  /** Where our lines in it lead to, and whether the client heeds them; null without any. @throws UnreadableFile */
  address(text: string): { url: string; isChosen: boolean } | null
  /** Sentences for a person about what in the file may keep our lines from having an effect. */
  warnings(text: string): string[]
  /** What to do next. */
  next: string
}

/** The file cannot be understood, so it is left alone. The message says where the fault is. */
export class UnreadableFile extends Error {
  /** A foreseen failure: its message is enough. */
  readonly code = 'UNREADABLE_CONFIG'
}
