import { type ReactNode, useId } from 'react'

type PageProps = {
  /** The name of the page, for the tab. */
  name: string
  /** What the page answers, in words. */
  title: string
  lead?: ReactNode
  actions?: ReactNode
  children: ReactNode
}

export function Page({ name, title, lead, actions, children }: PageProps) {
  return (
    <div className="page">
      <title>{`${name} · codex-lb`}</title>
      <header className="page-head">
        <div>
          <h1>{title}</h1>
          {lead !== undefined && <div className="quiet">{lead}</div>}
        </div>
        {actions !== undefined && <div className="row">{actions}</div>}
      </header>
      {children}
    </div>
  )
}

type SectionProps = { title: string; aside?: ReactNode; children: ReactNode }

export function Section({ title, aside, children }: SectionProps) {
  const id = useId()
  return (
    <section className="section" aria-labelledby={id}>
      <div className="section-head">
        <h2 id={id}>{title}</h2>
        {aside}
      </div>
      {children}
    </section>
  )
}
