import { AppError, invalid } from '../../errors.ts'
import type { Told } from './call.ts'

/** The one model that the upstream transcribes with, by its public name. */
export const transcriptionModel = 'gpt-4o-transcribe'

/** Other names for the same: clients have them built in. */
const aliases = ['whisper-1', 'gpt-4o-mini-transcribe']
const models = [transcriptionModel, ...aliases]

type TranscriptionFormat = 'json' | 'text'

/** What cannot be honoured, and what to do instead. */
const refused: Record<string, string> = {
  chunking_strategy: 'The upstream cuts the audio itself; leave it out.',
  include: 'The upstream gives no log probabilities; leave it out.',
  known_speaker_names: 'Speakers are not told apart; leave it out.',
  known_speaker_references: 'Speakers are not told apart; leave it out.',
  timestamp_granularities: 'The upstream gives no timestamps; leave it out.',
}
/** Accepted where it asks for nothing. */
const harmless: Record<string, readonly string[]> = { chunking_strategy: ['auto'] }

/**
 * Checks the parameters of the public API. `language` and `temperature` are taken and not passed on: the upstream finds
 * the language out and has no temperature. @throws AppError naming the field
 */
export function checkTranscription(valuesOf: (name: string) => readonly unknown[]): TranscriptionFormat {
  const [model] = valuesOf('model')
  if (typeof model !== 'string' || !models.includes(model)) {
    const known = `"model" must be "${transcriptionModel}"; ${aliases.map((name) => `"${name}"`).join(' and ')} are taken for it.`
    throw invalid('model', known)
  }
  for (const [name, why] of Object.entries(refused)) {
    const given = [...valuesOf(name), ...valuesOf(`${name}[]`)].filter((value) => value !== '')
    if (given.some((value) => !harmless[name]?.includes(String(value)))) throw invalid(name, `"${name}": ${why}`)
  }
  const [stream = 'false'] = valuesOf('stream')
  if (stream !== 'false' && stream !== '') {
    throw invalid('stream', 'A transcription comes as a whole: leave "stream" out, or set it to false.')
  }
  return formatOf(valuesOf('response_format')[0])
}

function formatOf(format: unknown = 'json'): TranscriptionFormat {
  if (format === 'json' || format === 'text') return format
  throw invalid(
    'response_format',
    'The upstream gives plain text without times: "response_format" must be json or text.',
  )
}

/** The upstream's answer in the form that was asked for. @throws AppError when it holds no text */
export function answerAs(format: TranscriptionFormat, body: Buffer): Pick<Told, 'body'> & Partial<Told> {
  const text = textOf(body)
  if (text === null) throw new AppError('upstream_error', { message: 'The upstream gave no transcription.' })
  if (format === 'json') return { body }
  return { status: 200, headers: { 'content-type': 'text/plain; charset=utf-8' }, body: `${text}\n` }
}

function textOf(body: Buffer): string | null {
  try {
    const { text } = JSON.parse(body.toString('utf8'))
    return typeof text === 'string' ? text : null
  } catch {
    // No JSON, or none with fields: the same as no text.
    return null
  }
}
