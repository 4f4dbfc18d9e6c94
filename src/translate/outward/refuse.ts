import { type AppError, invalid } from '../../errors.ts'

/** What a source that speaks only Chat Completions cannot be asked. `what` is plural or a name. */
export function refused(param: string, what: string): AppError {
  return invalid(param, `A model source that speaks Chat Completions only cannot take ${what}.`)
}
