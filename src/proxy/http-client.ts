import type { FastifyReply } from 'fastify'
import { createDownstream } from './downstream.ts'
import type { Connect } from './exchange.ts'
import { sendFailure } from './failure.ts'

/** A client that asked by an HTTP request of its own. */
export function httpClient(reply: FastifyReply): Connect {
  return (wrote) => {
    const out = createDownstream(reply.raw, wrote)
    return {
      out: {
        ...out,
        begin(headers) {
          // From here on the answer is written past the framework.
          reply.hijack()
          out.begin(headers)
        },
      },
      refuse: (failure) => sendFailure(reply, failure),
      answer: (headers, body) => reply.headers(headers).send(body),
    }
  }
}
