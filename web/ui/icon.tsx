const paths = {
  tick: 'M3 8.5l3.2 3.2L13 4.8',
  warn: 'M8 3v6.2M8 12.6v.2',
  cross: 'M4 4l8 8M12 4l-8 8',
  clock: 'M8 2.2a5.8 5.8 0 1 1 0 11.6a5.8 5.8 0 1 1 0-11.6M8 5v3.2l2 1.4',
  ring: 'M8 2.5a5.5 5.5 0 1 1 0 11a5.5 5.5 0 1 1 0-11',
  dashed:
    'M8 2.5a5.5 5.5 0 0 1 4.8 2.8M13.4 7.2a5.5 5.5 0 0 1-1.9 5M9.4 13.3a5.5 5.5 0 0 1-5-1.2M2.6 9.3a5.5 5.5 0 0 1 1.2-5',
  bars: 'M5.5 3.5v9M10.5 3.5v9',
  dash: 'M3.5 8h9',
  arrows: 'M3 6h9.5l-3-3M13 10H3.5l3 3',
} as const

export type IconName = keyof typeof paths

/** A small drawing that repeats a word beside it; never alone. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg className="icon" viewBox="0 0 16 16" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  )
}
