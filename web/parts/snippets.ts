export const clients = ['codex', 'claude', 'python', 'javascript', 'curl'] as const
export type Client = (typeof clients)[number]

/**
 * What a client needs to come here: complete, with this server's own address, a model that the pool has, and the key
 * where it needs one.
 */
export function snippetFor(client: Client, origin: string, model: string, key: string | null = null): string {
  const token = key ?? 'any'
  switch (client) {
    case 'codex':
      return `model_provider = "codex-lb"
model = "${model}"

[model_providers.codex-lb]
name = "codex-lb"
base_url = "${origin}/backend-api/codex"
wire_api = "responses"
supports_websockets = true${key === null ? '' : `\nexperimental_bearer_token = "${key}"`}`
    case 'claude':
      return `export ANTHROPIC_BASE_URL=${origin}
export ANTHROPIC_AUTH_TOKEN=${token}
claude`
    case 'python':
      return `from openai import OpenAI

client = OpenAI(base_url="${origin}/v1", api_key="${token}")
answer = client.responses.create(model="${model}", input="Say hello.")
print(answer.output_text)`
    case 'javascript':
      return `import OpenAI from 'openai'

const client = new OpenAI({ baseURL: '${origin}/v1', apiKey: '${token}' })
const answer = await client.responses.create({ model: '${model}', input: 'Say hello.' })
console.log(answer.output_text)`
    case 'curl':
      return `curl ${origin}/v1/responses \\
  -H 'content-type: application/json' \\${key === null ? '' : `\n  -H 'authorization: Bearer ${key}' \\\\`}
  -d '{"model": "${model}", "input": "Say hello."}'`
  }
}
