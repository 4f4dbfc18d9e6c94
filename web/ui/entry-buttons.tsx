import { t } from '../messages/index.ts'

type Act = { label: string; onClick: () => void }
/** `run`: the mutation that does it. */
type Test = { label: string; word: string; run: { isPending: boolean; mutate: () => void } }
type Props = { test?: Test; edit: Act; remove: Act }

/** What can be done with one entry of a list. Each label says which entry, for those who do not see the row. */
export function EntryButtons({ test, edit, remove }: Props) {
  return (
    <div className="row">
      {test && (
        <button type="button" disabled={test.run.isPending} aria-label={test.label} onClick={() => test.run.mutate()}>
          {test.run.isPending ? t('state.working') : test.word}
        </button>
      )}
      <button type="button" aria-label={edit.label} onClick={edit.onClick}>
        {t('action.edit')}
      </button>
      <button type="button" aria-label={remove.label} onClick={remove.onClick}>
        {t('action.delete')}
      </button>
    </div>
  )
}
