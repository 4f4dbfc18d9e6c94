import { createInterface } from 'node:readline/promises'

/** Asks at the terminal; null when nobody sits there. Anything but a yes is a no. */
export async function confirm(question: string): Promise<boolean | null> {
  if (process.stdin.isTTY !== true) return null
  const prompt = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return /^y(es)?$/i.test((await prompt.question(question)).trim())
  } finally {
    prompt.close()
  }
}
