import { Copyable } from '../../ui/copyable.tsx'

/** What to put into the configuration of a client, with this page's own address in it. */
export function Connect() {
  const { origin } = window.location
  return (
    <div className="columns">
      <div>
        <p>
          Codex CLI: put this into <code>~/.codex/config.toml</code>, the first line above any table.
        </p>
        <Copyable label="Configuration for Codex" text={codexSnippet(origin)} />
        <p className="small">Keep the name: exactly “OpenAI” makes Codex go around this server in some set-ups.</p>
      </div>
      <div>
        <p>OpenAI SDKs: the address is this; any text will do as the key.</p>
        <Copyable label="Settings for OpenAI SDKs" text={sdkSnippet(origin)} />
      </div>
    </div>
  )
}

function codexSnippet(origin: string): string {
  return `model_provider = "codex-lb"

[model_providers.codex-lb]
name = "codex-lb"
base_url = "${origin}/backend-api/codex"
wire_api = "responses"`
}

function sdkSnippet(origin: string): string {
  return `export OPENAI_BASE_URL="${origin}/v1"
export OPENAI_API_KEY="any"`
}
