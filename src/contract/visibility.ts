import { z } from 'zod'

/** What viewers get of a field. `digest`: something that tells two apart, and nothing else. */
type Rule = 'open' | 'hidden' | 'digest' | 'pseudonym'

const rules = z.registry<{ viewers: Rule }>()

function marked<S extends z.ZodType>(schema: S, viewers: Rule): S {
  // A schema may be part of others as well: the mark is for this field.
  const own = schema.clone()
  rules.add(own, { viewers })
  return own
}

/**
 * Viewers see this text. Numbers, moments and fixed words they see anyway; a text that says nothing of itself they do
 * not, so that a new field cannot give away what nobody thought of.
 */
export const open = <S extends z.ZodType>(schema: S): S => marked(schema, 'open')

/** Viewers get null: an address, a key, what a client calls its thread. In a query: viewers may not ask by it. */
export const adminOnly = <S extends z.ZodType>(schema: S): S => marked(schema, 'hidden')

/** Viewers get another text in its place, the same for the same text as long as the server runs. */
export const digested = <S extends z.ZodType>(schema: S): S => marked(schema, 'digest')

/** A name with an e-mail address in it: viewers get one that is made from the id beside it, such as "Account 3f9a". */
export const pseudonym = <S extends z.ZodType>(schema: S): S => marked(schema, 'pseudonym')

/** Null: nothing is said of it. */
export function ruleOf(schema: z.core.$ZodType): Rule | null {
  return rules.get(schema)?.viewers ?? null
}
