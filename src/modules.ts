import { registerHooks } from 'node:module'

/**
 * Has drizzle-orm loaded in its CommonJS form. Node takes in the description of a package anew for each of its ES
 * modules, and drizzle's is 180 KB of JSON: that was half of the time to start and 200 MB of garbage.
 * Must be called before anything imports it.
 */
export function loadDrizzleAsCommonJs(): void {
  registerHooks({
    resolve(specifier, context, next) {
      const isDrizzle = specifier === 'drizzle-orm' || specifier.startsWith('drizzle-orm/')
      return next(specifier, isDrizzle ? { ...context, conditions: ['node', 'require'] } : context)
    },
  })
}
