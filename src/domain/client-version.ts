/** Versions of the Codex client: three numbers and nothing else, so that trial builds never count. */
const form = /^(\d{1,4})\.(\d{1,4})\.(\d{1,4})$/

export function isClientVersion(text: unknown): text is string {
  return typeof text === 'string' && form.test(text)
}

/** True when both are versions and the first is the newer one. */
export function isNewerVersion(version: unknown, than: unknown): boolean {
  if (!isClientVersion(version) || !isClientVersion(than)) return false
  const [left, right] = [version.split('.').map(Number), than.split('.').map(Number)]
  for (let i = 0; i < 3; i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0)
    if (difference !== 0) return difference > 0
  }
  return false
}
