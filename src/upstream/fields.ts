import { z } from 'zod'

/** Fields of answers that we do not control: what has another type than expected counts as absent. */
export const looseText = z.string().nullish().catch(null)

/** A finite number, or a decimal string as some fields carry it. */
export const looseNumber = z
  .union([
    z.number(),
    z
      .string()
      .regex(/^\s*-?\d+(\.\d+)?\s*$/)
      .transform(Number),
  ])
  .nullish()
  .catch(null)
