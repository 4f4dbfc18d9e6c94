import { Sources } from '../parts/sources/sources.tsx'

/** Providers that may stand in for the pool, and what they cost. */
export function SourceSettings() {
  return (
    <div className="sections">
      <Sources />
    </div>
  )
}
