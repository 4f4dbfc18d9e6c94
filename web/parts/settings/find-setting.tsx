import { Link } from '@tanstack/react-router'
import { useId, useState } from 'react'
import { t } from '../../messages/index.ts'
import { findSettings } from './setting-names.ts'

/** Finds a setting by its words, and leads there. */
export function FindSetting() {
  const id = useId()
  const [typed, setTyped] = useState('')
  const found = findSettings(typed)
  const isAsked = typed.trim() !== ''
  return (
    <search className="find-setting">
      <label className="hidden" htmlFor={id}>
        {t('settings.find')}
      </label>
      <input
        id={id}
        type="search"
        placeholder={t('settings.find')}
        value={typed}
        autoComplete="off"
        onChange={(event) => setTyped(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === 'Escape') setTyped('')
        }}
      />
      <div role="status" className="hidden">
        {isAsked && found.length === 0 ? t('settings.foundNone') : ''}
      </div>
      {isAsked && (
        <div className="panel found">
          {found.length === 0 ? (
            <p className="small">{t('settings.foundNone')}</p>
          ) : (
            <ul aria-label={t('settings.found')}>
              {found.map(({ name, label, where, to }) => (
                <li key={name}>
                  <Link to={to} hash={name} onClick={() => setTyped('')}>
                    {label}
                  </Link>{' '}
                  <span className="small">{where}</span>
                </li>
              ))}
            </ul>
          )}
        </div>
      )}
    </search>
  )
}
