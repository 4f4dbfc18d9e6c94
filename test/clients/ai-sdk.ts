import { createRequire } from 'node:module'

// Installed apart from the product (install.ts), whose type check therefore knows nothing of it.
const require = createRequire(import.meta.url)

export const { generateText, isStepCount, Output, streamText, tool } = require('ai')
export const { z } = require('zod')

const { createOpenAI } = require('@ai-sdk/openai')
const { createAnthropic } = require('@ai-sdk/anthropic')

/** The models of the AI SDK, by the path that they ask. */
export const protocols = ['/v1/responses', '/v1/chat/completions', '/v1/messages'] as const

export function modelFor(protocol: (typeof protocols)[number], url: string) {
  const options = { baseURL: `${url}/v1`, apiKey: 'any' }
  if (protocol === '/v1/messages') return createAnthropic(options)('claude-sonnet-4-5')
  return protocol === '/v1/responses' ? createOpenAI(options)('gpt-5.5') : createOpenAI(options).chat('gpt-5.5')
}
