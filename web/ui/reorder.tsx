import { type PointerEvent, type ReactNode, useRef, useState } from 'react'
import { t } from '../messages/index.ts'

/** `isPlaced` is false of what stands at the end because nobody has placed it. */
type Place = { id: string; name: string; note?: ReactNode; isPlaced?: boolean }
type Drag = { from: number; to: number; offset: number }
type Geometry = { startY: number; middles: number[]; height: number }

/** So near the edge of the window dragging scrolls it, in pixels. */
const edge = 64
const scrollStep = 12

type ReorderProps = {
  label: string
  places: readonly Place[]
  onChange: (ids: string[]) => void
}

/** A list that a person puts in order: by dragging, with a mouse or a finger, or by the buttons beside each entry. */
export function Reorder({ label, places, onChange }: ReorderProps) {
  const list = useRef<HTMLOListElement>(null)
  const geometry = useRef<Geometry | null>(null)
  const [drag, setDrag] = useState<Drag | null>(null)
  const [said, setSaid] = useState('')

  const move = (from: number, to: number) => {
    const moved = places[from]
    if (moved === undefined || from === to || to < 0 || to >= places.length) return
    const ids = places.map(({ id }) => id)
    ids.splice(to, 0, ...ids.splice(from, 1))
    setSaid(t('reorder.said', { name: moved.name, place: to + 1, count: places.length }))
    onChange(ids)
  }
  const start = (event: PointerEvent, from: number) => {
    if (event.button !== 0 || list.current === null) return
    const boxes = [...list.current.children].map((row) => row.getBoundingClientRect())
    const middles = boxes.map(({ top, height }) => top + height / 2 + scrollY)
    geometry.current = { startY: event.pageY, middles, height: boxes[from]?.height ?? 0 }
    event.currentTarget.setPointerCapture(event.pointerId)
    setDrag({ from, to: from, offset: 0 })
  }
  /** Where the dragged entry is; from the event itself, which may come before the last one was drawn. */
  const dragged = (from: number, pageY: number): Drag => {
    const { startY, middles } = geometry.current ?? { startY: pageY, middles: [] }
    const offset = pageY - startY
    const middle = (middles[from] ?? 0) + offset
    return { from, offset, to: middles.filter((other, index) => index !== from && other < middle).length }
  }
  const follow = (event: PointerEvent, from: number) => {
    if (geometry.current === null) return
    if (event.clientY < edge) scrollBy(0, -scrollStep)
    else if (event.clientY > innerHeight - edge) scrollBy(0, scrollStep)
    setDrag(dragged(from, event.pageY))
  }
  const end = () => {
    geometry.current = null
    setDrag(null)
  }
  const drop = (event: PointerEvent, from: number) => {
    if (geometry.current === null) return
    move(from, dragged(from, event.pageY).to)
    end()
  }
  return (
    <div className="reorder">
      <ol ref={list} aria-label={label}>
        {places.map(({ id, name, note, isPlaced = true }, index) => (
          <li
            key={id}
            aria-label={name}
            className={drag?.from === index ? 'dragged' : ''}
            style={{ transform: shiftOf(index, drag, geometry.current?.height ?? 0) }}
          >
            <span
              className="handle"
              aria-hidden="true"
              title={t('reorder.drag')}
              onPointerDown={(event) => start(event, index)}
              onPointerMove={(event) => follow(event, index)}
              onPointerUp={(event) => drop(event, index)}
              onPointerCancel={end}
            />
            <span className="at small">{isPlaced ? index + 1 : '–'}</span>
            <span className="what">
              {name} {note !== undefined && <span className="small">{note}</span>}
            </span>
            <MoveButton
              label={t('reorder.up', { name })}
              sign="↑"
              isEnd={index === 0}
              onMove={() => move(index, index - 1)}
            />
            <MoveButton
              label={t('reorder.down', { name })}
              sign="↓"
              isEnd={index === places.length - 1}
              onMove={() => move(index, index + 1)}
            />
          </li>
        ))}
      </ol>
      <p className="hidden" role="status">
        {said}
      </p>
    </div>
  )
}

/** Stays in the way of Tab at the end of the list, so that the focus is not lost there. */
function MoveButton({
  label,
  sign,
  isEnd,
  onMove,
}: {
  label: string
  sign: string
  isEnd: boolean
  onMove: () => void
}) {
  return (
    <button type="button" className="plain square" aria-label={label} aria-disabled={isEnd} onClick={onMove}>
      {sign}
    </button>
  )
}

/** The dragged entry follows the pointer; those that it passes make room. */
function shiftOf(index: number, drag: Drag | null, height: number): string | undefined {
  if (drag === null) return undefined
  const { from, to, offset } = drag
  if (index === from) return `translateY(${offset}px)`
  if (index > from && index <= to) return `translateY(${-height}px)`
  return index < from && index >= to ? `translateY(${height}px)` : undefined
}
