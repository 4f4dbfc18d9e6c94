import { createCipheriv, createHash, createHmac, randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'

/** A data directory as the Python system of this name leaves it, with the columns that its tables have. */
export type ReferenceFixture = {
  folder: string
  seal(text: string): string
  add(table: keyof typeof columns, row: Record<string, unknown>): void
  close(): void
}

const columns = {
  accounts:
    'id text primary key, chatgpt_account_id, chatgpt_user_id, codex_installation_id, email, alias, workspace_id, workspace_label, seat_type, plan_type, routing_policy, access_token_encrypted, refresh_token_encrypted, id_token_encrypted, last_refresh, created_at, status, deactivation_reason, reset_at, blocked_at, limit_warmup_enabled, security_work_authorized, delete_requested_at, delete_history_requested',
  request_logs:
    'id integer primary key, account_id, model_source_id, model_source_kind, api_key_id, session_id, request_id, archive_request_id, request_kind, connection_request_kind, requested_at, deleted_at, model, plan_type, source, useragent, useragent_group, conversation_id, client_ip, transport, service_tier, requested_service_tier, actual_service_tier, input_tokens, output_tokens, cached_input_tokens, reasoning_tokens, cost_usd, reasoning_effort, latency_ms, latency_first_token_ms, latency_queue_ms, status, error_code, error_message, upstream_status_code, upstream_error_code',
  dashboard_settings:
    'id integer primary key, routing_strategy, single_account_id, relative_availability_power, relative_availability_top_k, prefer_earlier_reset_accounts, prefer_earlier_reset_window, openai_cache_affinity_max_age_seconds, sticky_reallocation_primary_budget_threshold_pct, sticky_reallocation_secondary_budget_threshold_pct, proxy_account_response_create_limit, proxy_account_stream_limit, api_key_auth_enabled, password_hash, version, created_at, updated_at',
  api_keys:
    'id text primary key, name, key_hash, key_prefix, allowed_models, apply_to_codex_model, enforced_model, enforced_reasoning_effort, allowed_reasoning_efforts, enforced_service_tier, traffic_class, transport_policy_override, account_assignment_scope_enabled, source_assignment_scope_enabled, usage_sections, expires_at, is_active, created_at, last_used_at',
  api_key_limits:
    'id integer primary key, api_key_id, limit_type, limit_window, max_value, current_value, model_filter, reset_at',
  api_key_accounts: 'api_key_id, account_id, created_at',
  api_firewall_allowlist: 'ip_address, created_at',
} as const

/** Makes one in a folder. `without`: tables that an older release did not have. */
export function createReference(folder: string, without: readonly (keyof typeof columns)[] = []): ReferenceFixture {
  mkdirSync(folder, { recursive: true })
  const key = randomBytes(32)
  writeFileSync(join(folder, 'encryption.key'), `${key.toString('base64url')}=`)
  const db = new Database(join(folder, 'store.db'))
  db.pragma('journal_mode = wal')
  for (const [table, list] of Object.entries(columns)) {
    if (!without.includes(table as keyof typeof columns)) db.exec(`create table ${table} (${list})`)
  }
  return {
    folder,
    seal: (text) => sealed(key, text),
    add(table, row) {
      const names = Object.keys(row)
      db.prepare(`insert into ${table} (${names}) values (${names.map(() => '?')})`).run(...Object.values(row))
    },
    close: () => db.close(),
  }
}

/** As Python's `cryptography` writes it. */
function sealed(key: Buffer, text: string): string {
  const iv = randomBytes(16)
  const cipher = createCipheriv('aes-128-cbc', key.subarray(16), iv)
  const time = Buffer.alloc(8)
  time.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 1000)))
  const signed = Buffer.concat([Buffer.from([0x80]), time, iv, cipher.update(text, 'utf8'), cipher.final()])
  const mac = createHmac('sha256', key.subarray(0, 16)).update(signed).digest()
  const token = Buffer.concat([signed, mac]).toString('base64')
  return token.replaceAll('+', '-').replaceAll('/', '_')
}

export const hashOf = (secret: string) => createHash('sha256').update(secret).digest('hex')
