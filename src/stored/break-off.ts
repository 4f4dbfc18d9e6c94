import { cancelledOutput, errorEvent, eventText, failedOutput, type Reason } from './endings.ts'
import { shownResponse } from './items.ts'
import type { Recording } from './recording.ts'

/** Ends what is being made before it is finished. Returns the last event of its stream. */
export function breakOff(recording: Recording, reason: Reason, status: 'failed' | 'cancelled' = 'failed'): string {
  const object = recording.object()
  const output = object && (status === 'failed' ? failedOutput(object.output, reason) : cancelledOutput(object.output))
  const text = recording.event((sequence) => {
    const place = { sequence_number: sequence }
    // Who reads the stream of a response later has asked for the response, and not for a request to fail.
    if (output && object.background && status === 'failed')
      return eventText('response.failed', {
        type: 'response.failed',
        ...place,
        response: shownResponse(output, new Set()),
      })
    return eventText('error', { ...errorEvent(reason), ...place })
  })
  if (output) recording.end(output)
  return text
}
