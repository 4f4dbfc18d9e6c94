import { z } from 'zod'

/** Whose file it is to be; with the dashboard password, where one is set. */
export const AccountExport = z.strictObject({
  format: z.enum(['codex', 'opencode']),
  password: z.string().min(1, 'is missing').max(256).optional(),
})

/** The `auth.json` of the Codex CLI, or of OpenCode. */
export const AccountFile = z.union([
  z.object({
    auth_mode: z.literal('chatgpt'),
    OPENAI_API_KEY: z.null(),
    tokens: z.object({
      id_token: z.string(),
      access_token: z.string(),
      refresh_token: z.string(),
      account_id: z.string(),
    }),
    last_refresh: z.string(),
  }),
  z.object({
    openai: z.object({
      type: z.literal('oauth'),
      refresh: z.string(),
      access: z.string(),
      /** Epoch ms; 0: not known. */
      expires: z.number(),
      accountId: z.string(),
    }),
  }),
])
