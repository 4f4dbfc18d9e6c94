const form = /^v?(\d{1,6})\.(\d{1,6})(?:\.(\d{1,6}))?(?:-([0-9A-Za-z.-]{1,60}))?(?:\+[0-9A-Za-z.-]{1,60})?$/

/** A version that a text is, without `v` and build; null: it is none. */
export function readVersion(text: string): string | null {
  const match = form.exec(text.trim())
  if (match === null) return null
  const [, major, minor, patch = '0', pre] = match
  return `${Number(major)}.${Number(minor)}.${Number(patch)}${pre === undefined ? '' : `-${pre}`}`
}

/** Whether a version comes after another; one before a release (`-rc.1`) comes before it. */
export function isLaterVersion(version: string, than: string): boolean {
  const [a, b] = [form.exec(version), form.exec(than)]
  if (a === null || b === null) return false
  for (const part of [1, 2, 3]) {
    const difference = Number(a[part] ?? 0) - Number(b[part] ?? 0)
    if (difference !== 0) return difference > 0
  }
  if (a[4] === undefined || b[4] === undefined) return a[4] === undefined && b[4] !== undefined
  return isLaterPre(a[4].split('.'), b[4].split('.'))
}

/** As Semantic Versioning has it: numbers by value and before words, and the longer one wins where all else is equal. */
function isLaterPre(a: readonly string[], b: readonly string[]): boolean {
  for (const [at, part] of a.entries()) {
    const other = b[at]
    if (other === undefined) return true
    if (part === other) continue
    const [isNumber, otherIsNumber] = [/^\d+$/.test(part), /^\d+$/.test(other)]
    if (isNumber && otherIsNumber) return Number(part) > Number(other)
    return isNumber === otherIsNumber ? part > other : otherIsNumber
  }
  return false
}
