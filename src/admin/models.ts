import type { Catalogue } from '../accounts/catalogue.ts'
import { ModelList } from '../contract/overview.ts'
import type { CatalogueModel } from '../domain/catalogue.ts'
import { route } from './route.ts'

export function modelRoutes(catalogue: Catalogue) {
  return [
    route(
      {
        method: 'GET',
        path: '/api/models',
        access: 'viewer',
        summary: 'Models that the pool offers',
        answer: ModelList,
      },
      async () => {
        const offered = (await catalogue.models()).models.filter((model) => model.supported_in_api !== false)
        return { models: offered.map((model) => modelView(model, catalogue)) }
      },
    ),
  ]
}

function modelView(model: CatalogueModel, catalogue: Catalogue): ModelList['models'][number] {
  const { slug, display_name, supported_reasoning_levels, default_reasoning_level, context_window } = model
  const levels: unknown[] = Array.isArray(supported_reasoning_levels) ? supported_reasoning_levels : []
  return {
    id: slug,
    name: typeof display_name === 'string' ? display_name : slug,
    supportedReasoningEfforts: levels.flatMap(effortOf),
    defaultReasoningEffort: typeof default_reasoning_level === 'string' ? default_reasoning_level : null,
    contextWindow: typeof context_window === 'number' ? Math.round(context_window) : null,
    ...catalogue.holders(slug),
  }
}

function effortOf(level: unknown): string[] {
  const effort = typeof level === 'object' && level !== null && 'effort' in level ? level.effort : level
  return typeof effort === 'string' ? [effort] : []
}
