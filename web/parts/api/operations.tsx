import { useState } from 'react'
import { t } from '../../messages/index.ts'
import { Empty } from '../../ui/states.tsx'
import { type Description, groupsOf, type Operation } from './description.ts'

/** Every endpoint of the management API, found by any word of it. */
export function Operations({ description }: { description: Description }) {
  const [search, setSearch] = useState('')
  const words = search.toLowerCase().split(/\s+/).filter(Boolean)
  const fits = ({ id, summary }: Operation) => words.every((word) => `${id} ${summary}`.toLowerCase().includes(word))
  const groups = groupsOf(description)
    .map(({ name, operations }) => ({ name, operations: operations.filter(fits) }))
    .filter(({ operations }) => operations.length > 0)
  return (
    <div className="stack">
      <input
        type="search"
        aria-label={t('api.search')}
        placeholder={t('api.search')}
        value={search}
        onChange={({ target }) => setSearch(target.value)}
      />
      {groups.length === 0 && <Empty>{t('api.none')}</Empty>}
      {groups.map(({ name, operations }) => (
        <section key={name} aria-label={name}>
          <h3>{name}</h3>
          {operations.map((one) => (
            <OperationRow key={one.id} operation={one} />
          ))}
        </section>
      ))}
    </div>
  )
}

function OperationRow({ operation }: { operation: Operation }) {
  const { method, path, summary, access, parameters, body, answer, status } = operation
  return (
    <details className="operation">
      <summary>
        <span className="code">
          <b>{method}</b> {path}
        </span>{' '}
        <span className="quiet">{summary}</span>
      </summary>
      <div className="stack">
        <p className="small">{t('api.access', { access })}</p>
        {parameters.length > 0 && (
          <ul className="plain-list small">
            {parameters.map(({ name, place, isRequired, type }) => (
              <li key={name}>
                <span className="code">{`${name}${isRequired ? '' : '?'}: ${type}`}</span>{' '}
                {t(place === 'path' ? 'api.inPath' : 'api.inQuery')}
              </li>
            ))}
          </ul>
        )}
        {body !== null && <Shape title={t('api.body')} text={body} />}
        <Shape title={t('api.answer', { status })} text={answer ?? t('api.nothing')} />
      </div>
    </details>
  )
}

function Shape({ title, text }: { title: string; text: string }) {
  return (
    <div>
      <p className="small">{title}</p>
      <pre className="shape">
        <code>{text}</code>
      </pre>
    </div>
  )
}
