import { t } from '../messages/index.ts'
import type { Draft } from './draft.ts'
import type { FormProblem } from './field.tsx'

type SaveBarProps = {
  draft: Pick<Draft<object>, 'isChanged' | 'discard'>
  error: FormProblem | null
  isBusy: boolean
  /** Stays in sight while the form is scrolled. */
  isSticky?: boolean
}

/** What is not saved yet, or why it could not be; and the buttons for it. */
export function SaveBar({ draft: { isChanged, discard }, error, isBusy, isSticky = false }: SaveBarProps) {
  const isMarked = (error?.faults?.length ?? 0) > 0
  const problem = isMarked ? t('form.notSaved') : error?.message
  return (
    <div className={isSticky && isChanged ? 'save-bar sticky' : 'save-bar'}>
      <button type="submit" className="main" disabled={!isChanged || isBusy}>
        {isBusy ? t('state.working') : t('action.save')}
      </button>
      {isChanged && (
        <button type="button" disabled={isBusy} onClick={discard}>
          {t('action.discard')}
        </button>
      )}
      {problem === undefined ? (
        <p className="small" role="status">
          {isChanged ? t('form.unsaved') : ''}
        </p>
      ) : (
        <p className="tone-bad" role="alert">
          {problem}
        </p>
      )}
    </div>
  )
}
