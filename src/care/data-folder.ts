import { stat, statfs } from 'node:fs/promises'
import { type Finding, failed, fine, warning } from './finding.ts'

const folder = { id: 'data_folder', title: 'Data directory' }
const space = { id: 'disk_space', title: 'Disk space' }
const leastBytes = 500 * 1024 * 1024
const othersMask = 0o077

/** Whether the data directory is there, is its owner's only, and has room. */
export async function checkDataFolder(path: string): Promise<Finding[]> {
  const found = await stat(path).catch(() => null)
  if (found === null) {
    return [
      warning(
        folder,
        `${path} does not exist yet`,
        'The server has not been started here.',
        'Start it once: codex-lb serve',
      ),
    ]
  }
  const isOpen = (found.mode & othersMask) !== 0
  const access = isOpen
    ? warning(folder, path, 'Other users of this machine may look into it.', `chmod 700 ${path}`)
    : fine(folder, path)
  const { bavail, bsize } = await statfs(path)
  const freeBytes = bavail * bsize
  const gigabytes = `${(freeBytes / 1024 ** 3).toFixed(1)} GiB free`
  const room =
    freeBytes >= leastBytes
      ? fine(space, gigabytes)
      : failed(
          space,
          gigabytes,
          'A full disk stops the log and the renewal of tokens.',
          'Make room, or keep the log for fewer days (Settings → Retention).',
        )
  return [access, room]
}
