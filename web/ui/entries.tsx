import { type ReactNode, useState } from 'react'
import { Section } from './page.tsx'
import { type Answer, Empty, Loaded } from './states.tsx'

type Acts = { onEdit: () => void; onDelete: () => void }

type Props<T> = {
  title: string
  lead?: ReactNode
  /** What the button says that opens the form without an entry. */
  add: string
  query: Answer<{ items: T[] }>
  /** What is loaded, in a sentence: "the proxies". */
  what: string
  /** What stands in place of the list when it is empty. */
  none: string
  entry: (entry: T, acts: Acts) => ReactNode
  /** For a new entry (null) or one that is there. */
  form: (entry: T | null, onClose: () => void) => ReactNode
  /** Asks before the entry goes. */
  deletion: (entry: T, onClose: () => void) => ReactNode
}

/** A section with a list of entries that can be added, edited and deleted. */
export function Entries<T>({ title, lead, add, query, what, none, entry, form, deletion }: Props<T>) {
  const [edited, setEdited] = useState<T | 'new' | null>(null)
  const [leaving, setLeaving] = useState<T | null>(null)
  return (
    <Section
      title={title}
      aside={
        <button type="button" onClick={() => setEdited('new')}>
          {add}
        </button>
      }
    >
      {lead !== undefined && <p className="quiet">{lead}</p>}
      <Loaded query={query} what={what}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty>{none}</Empty>
          ) : (
            <ul className="entries">
              {items.map((one) => entry(one, { onEdit: () => setEdited(one), onDelete: () => setLeaving(one) }))}
            </ul>
          )
        }
      </Loaded>
      {edited !== null && form(edited === 'new' ? null : edited, () => setEdited(null))}
      {leaving !== null && deletion(leaving, () => setLeaving(null))}
    </Section>
  )
}
