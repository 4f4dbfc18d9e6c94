import type { EgressChoice } from '../domain/egress.ts'
import type { Egress } from '../egress/registry.ts'
import { AppError } from '../errors.ts'

/** A way out that is named is there. @throws AppError naming the field */
export function checkEgress(choice: EgressChoice, field: string, egress: Pick<Egress, 'downOf'>): void {
  if (choice.kind === 'default' || choice.kind === 'direct') return
  if (egress.downOf(choice)?.code !== 'missing') return
  const message = choice.kind === 'proxy' ? 'There is no proxy with this id.' : 'There is no pool with this id.'
  const path = `${field}.id`
  throw new AppError('invalid_request', { message: `${path}: ${message}`, fields: [{ path, message }] })
}
