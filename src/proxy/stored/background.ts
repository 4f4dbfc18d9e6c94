import type { FastifyReply } from 'fastify'
import { AppError } from '../../errors.ts'
import type { Tally } from '../../lib/tally.ts'
import { breakOff } from '../../stored/break-off.ts'
import { eventText } from '../../stored/endings.ts'
import type { Recording } from '../../stored/recording.ts'
import type { Stored } from '../../stored/stored.ts'
import type { Connect } from '../exchange.ts'
import { unexplained } from '../failure.ts'
import { type SettleDeps, settleFailure } from '../settle.ts'
import type { Turn } from '../turn.ts'
import { reasonOf } from './dressed-shape.ts'
import { type FollowReplyDeps, followReply } from './follow-reply.ts'
import type { Background } from './kept-turn.ts'

export type BackgroundDeps = SettleDeps &
  FollowReplyDeps & {
    stored: Pick<Stored, 'inBackground'>
    /** What the server waits for before it stops. */
    underWay: Tally
  }

/** So many responses may be made in the background at once, those that wait included. */
const maxInBackground = 64

/**
 * Answers at once, with what there is of the response so far or with its stream, while `run` makes it in its own time.
 * The client may leave; the response is kept.
 */
export async function serveBackground(
  turn: Turn,
  reply: FastifyReply,
  { ending, recording, queued }: Background,
  run: (connect: Connect) => Promise<void>,
  deps: BackgroundDeps,
): Promise<unknown> {
  const refuse = (message: string): AppError => {
    const error = new AppError('overloaded', { message, retryAfterSeconds: 5 })
    turn.dropBody()
    settleFailure(turn, error, deps)
    return error
  }
  if (deps.stored.inBackground() >= maxInBackground)
    throw refuse(`${maxInBackground} responses are being made in the background already; try again soon.`)
  turn.signal = ending.signal
  turn.transport = turn.ask.stream ? 'sse' : 'json'
  recording.begin(queued)
  for (const type of ['response.created', 'response.queued'])
    recording.event((sequence) => eventText(type, { type, sequence_number: sequence, response: queued }))
  await recording.written()
  const object = recording.object()
  if (object === null || !recording.isAdded()) throw refuse('The response cannot be kept now; try again soon.')
  recording.onTaken(() => ending.abort(new Error('response_cancelled')))
  const leave = [deps.running.add(ending), deps.underWay.add()]
  void run(nobody(recording, ending.signal))
    .catch((error: unknown) => deps.log.error({ err: error, requestId: turn.ask.requestId }, 'turn failed'))
    .finally(async () => {
      if (!recording.isOver()) breakOff(recording, unexplained)
      await recording.written()
      for (const done of leave) done()
    })
  return turn.ask.stream ? followReply(reply, object, -1, deps) : reply.send(queued)
}

/** Nobody listens: what is said is in the recording. */
function nobody(recording: Recording, signal: AbortSignal): Connect {
  return (wrote) => {
    let hasBegun = false
    return {
      out: {
        hasBegun: () => hasBegun,
        begin() {
          hasBegun = true
        },
        write() {
          wrote()
          return true
        },
        drained: (resume) => resume(),
        end() {},
      },
      refuse({ code, message }) {
        if (!recording.isOver()) breakOff(recording, reasonOf(signal) ?? { code, message })
      },
      answer() {},
    }
  }
}
