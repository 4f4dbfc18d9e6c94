export const clients = ['codex', 'claude', 'python', 'javascript', 'curl'] as const
export type Client = (typeof clients)[number]

/** What a client needs to come here: complete, with this server's own address and a model that the pool has. */
export function snippetFor(client: Client, origin: string, model: string): string {
  switch (client) {
    case 'codex':
      return `model_provider = "codex-lb"
model = "${model}"

[model_providers.codex-lb]
name = "codex-lb"
base_url = "${origin}/backend-api/codex"
wire_api = "responses"
supports_websockets = true`
    case 'claude':
      return `export ANTHROPIC_BASE_URL=${origin}
export ANTHROPIC_AUTH_TOKEN=any
claude`
    case 'python':
      return `from openai import OpenAI

client = OpenAI(base_url="${origin}/v1", api_key="any")
answer = client.responses.create(model="${model}", input="Say hello.")
print(answer.output_text)`
    case 'javascript':
      return `import OpenAI from 'openai'

const client = new OpenAI({ baseURL: '${origin}/v1', apiKey: 'any' })
const answer = await client.responses.create({ model: '${model}', input: 'Say hello.' })
console.log(answer.output_text)`
    case 'curl':
      return `curl ${origin}/v1/responses \\
  -H 'content-type: application/json' \\
  -d '{"model": "${model}", "input": "Say hello."}'`
  }
}
