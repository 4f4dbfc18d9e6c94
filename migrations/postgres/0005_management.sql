CREATE TABLE "api_key_days" (
	"key_id" text NOT NULL,
	"at_ms" bigint NOT NULL,
	"requests" bigint NOT NULL,
	"input_tokens" bigint NOT NULL,
	"cached_tokens" bigint NOT NULL,
	"output_tokens" bigint NOT NULL,
	"cost_micro_usd" bigint NOT NULL,
	CONSTRAINT "api_key_days_key_id_at_ms_pk" PRIMARY KEY("key_id","at_ms")
);
--> statement-breakpoint
CREATE TABLE "api_keys" (
	"id" text PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"notes" text,
	"secret_hash" text NOT NULL,
	"prefix" text NOT NULL,
	"allowed_models" json,
	"enforced_model" text,
	"enforced_effort" text,
	"allowed_efforts" json,
	"enforced_service_tier" text,
	"account_ids" json,
	"tags" json,
	"allowed_addresses" json,
	"limits" json NOT NULL,
	"pool_share_percent" bigint,
	"expires_at_ms" bigint,
	"is_active" boolean NOT NULL,
	"created_at_ms" bigint NOT NULL,
	"last_used_at_ms" bigint,
	"revision" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "audit" (
	"id" text PRIMARY KEY NOT NULL,
	"at_ms" bigint NOT NULL,
	"action" text NOT NULL,
	"actor_kind" text NOT NULL,
	"actor_name" text,
	"actor_address" text,
	"request_id" text,
	"target_kind" text,
	"target_id" text,
	"outcome" text NOT NULL,
	"before" json,
	"after" json
);
--> statement-breakpoint
CREATE TABLE "egress_pools" (
	"id" text PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"member_ids" json NOT NULL,
	"created_at_ms" bigint NOT NULL,
	"updated_at_ms" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "egress_proxies" (
	"id" text PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"scheme" text NOT NULL,
	"host" text NOT NULL,
	"port" bigint NOT NULL,
	"username" text,
	"password" text,
	"is_active" boolean NOT NULL,
	"created_at_ms" bigint NOT NULL,
	"updated_at_ms" bigint NOT NULL,
	"version" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "firewall_areas" (
	"area" text PRIMARY KEY NOT NULL,
	"mode" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "firewall_entries" (
	"id" text PRIMARY KEY NOT NULL,
	"cidr" text NOT NULL,
	"note" text NOT NULL,
	"created_at_ms" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "leases" (
	"name" text PRIMARY KEY NOT NULL,
	"holder" text NOT NULL,
	"until_ms" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "limit_counts" (
	"limit_id" text NOT NULL,
	"shape" text NOT NULL,
	"start_ms" bigint NOT NULL,
	"until_ms" bigint NOT NULL,
	"key_id" text NOT NULL,
	"used" bigint NOT NULL,
	CONSTRAINT "limit_counts_limit_id_shape_start_ms_pk" PRIMARY KEY("limit_id","shape","start_ms")
);
--> statement-breakpoint
CREATE TABLE "logins" (
	"id" text PRIMARY KEY NOT NULL,
	"method" text NOT NULL,
	"status" text NOT NULL,
	"account_id" text,
	"started_by" json NOT NULL,
	"created_at_ms" bigint NOT NULL,
	"expires_at_ms" bigint NOT NULL,
	"changed_at_ms" bigint NOT NULL,
	"state_hash" text,
	"interval_ms" bigint,
	"next_poll_at_ms" bigint,
	"secrets" text,
	"result" json,
	"fault" json
);
--> statement-breakpoint
CREATE TABLE "model_source_reservations" (
	"id" text PRIMARY KEY NOT NULL,
	"source_id" text NOT NULL,
	"day_at_ms" bigint NOT NULL,
	"micro_usd" bigint NOT NULL,
	"at_ms" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "model_source_spending" (
	"source_id" text NOT NULL,
	"day_at_ms" bigint NOT NULL,
	"micro_usd" bigint NOT NULL,
	CONSTRAINT "model_source_spending_source_id_day_at_ms_pk" PRIMARY KEY("source_id","day_at_ms")
);
--> statement-breakpoint
CREATE TABLE "model_sources" (
	"id" text PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"name_key" text NOT NULL,
	"base_url" text NOT NULL,
	"allow_private_address" boolean NOT NULL,
	"api_key" text,
	"is_active" boolean NOT NULL,
	"position" bigint NOT NULL,
	"uses" json NOT NULL,
	"supports" json NOT NULL,
	"models" json NOT NULL,
	"timeout_seconds" bigint NOT NULL,
	"max_concurrency" bigint,
	"usd_per_day" double precision,
	"usd_per_month" double precision,
	"health" json,
	"created_at_ms" bigint NOT NULL,
	"reservations" bigint DEFAULT 0 NOT NULL
);
--> statement-breakpoint
CREATE TABLE "notification_channels" (
	"id" text PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"config" json NOT NULL,
	"secrets" text NOT NULL,
	"is_active" boolean NOT NULL,
	"allow_private_address" boolean NOT NULL,
	"show_emails" boolean NOT NULL,
	"created_at_ms" bigint NOT NULL,
	"updated_at_ms" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "notification_rules" (
	"id" text PRIMARY KEY NOT NULL,
	"name" text,
	"kind" text NOT NULL,
	"parameters" json NOT NULL,
	"channel_ids" json NOT NULL,
	"is_active" boolean NOT NULL,
	"quiet_hours" json,
	"min_gap_minutes" bigint NOT NULL,
	"tell_end" boolean NOT NULL,
	"created_at_ms" bigint NOT NULL,
	"updated_at_ms" bigint NOT NULL,
	"states" json NOT NULL,
	"version" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "notifications" (
	"id" text PRIMARY KEY NOT NULL,
	"at_ms" bigint NOT NULL,
	"rule_id" text NOT NULL,
	"rule_name" text,
	"kind" text NOT NULL,
	"event" text NOT NULL,
	"channel_id" text NOT NULL,
	"channel_name" text NOT NULL,
	"title" text NOT NULL,
	"text" text NOT NULL,
	"about" json NOT NULL,
	"status" text NOT NULL,
	"tries" bigint NOT NULL,
	"attempts" json NOT NULL,
	"next_at_ms" bigint
);
--> statement-breakpoint
CREATE TABLE "passkeys" (
	"id" text PRIMARY KEY NOT NULL,
	"credential_id" text NOT NULL,
	"public_key" text NOT NULL,
	"counter" bigint NOT NULL,
	"transports" json NOT NULL,
	"rp_id" text NOT NULL,
	"name" text NOT NULL,
	"backed_up" boolean NOT NULL,
	"created_at_ms" bigint NOT NULL,
	"last_used_at_ms" bigint
);
--> statement-breakpoint
CREATE TABLE "prices" (
	"model" text NOT NULL,
	"source" text NOT NULL,
	"price" json NOT NULL,
	"since_ms" bigint NOT NULL,
	CONSTRAINT "prices_model_source_pk" PRIMARY KEY("model","source")
);
--> statement-breakpoint
CREATE TABLE "request_days" (
	"at_ms" bigint PRIMARY KEY NOT NULL,
	"sums" "bytea" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "request_hours" (
	"at_ms" bigint PRIMARY KEY NOT NULL,
	"sums" "bytea" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "request_kinds" (
	"id" bigint PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"account" text,
	"key" text,
	"model" text,
	"client" text,
	"effort" text,
	"tier" text,
	CONSTRAINT "request_kinds_name_unique" UNIQUE("name")
);
--> statement-breakpoint
CREATE TABLE "request_sums_new" (
	"id" text PRIMARY KEY NOT NULL,
	"hour_ms" bigint NOT NULL,
	"sums" "bytea" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "reservation_holders" (
	"id" text PRIMARY KEY NOT NULL,
	"alive_until_ms" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "reservations" (
	"id" text PRIMARY KEY NOT NULL,
	"key_id" text NOT NULL,
	"holder" text NOT NULL,
	"at_ms" bigint NOT NULL,
	"declared" json NOT NULL,
	"places" json NOT NULL
);
--> statement-breakpoint
ALTER TABLE "accounts" ADD COLUMN "alias" text;--> statement-breakpoint
ALTER TABLE "accounts" ADD COLUMN "egress" json;--> statement-breakpoint
ALTER TABLE "owners" ADD COLUMN "key_id" text;--> statement-breakpoint
ALTER TABLE "requests" ADD COLUMN "client_address" text;--> statement-breakpoint
ALTER TABLE "requests" ADD COLUMN "source_id" text;--> statement-breakpoint
ALTER TABLE "requests" ADD COLUMN "egress_id" text;--> statement-breakpoint
ALTER TABLE "requests" ADD COLUMN "moved" boolean;--> statement-breakpoint
ALTER TABLE "requests" ADD COLUMN "counted" boolean;--> statement-breakpoint
ALTER TABLE "sessions" ADD COLUMN "role" text DEFAULT 'admin' NOT NULL;--> statement-breakpoint
ALTER TABLE "sessions" ADD COLUMN "method" text DEFAULT 'password' NOT NULL;--> statement-breakpoint
ALTER TABLE "settings" ADD COLUMN "version" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "settings" ADD COLUMN "updated_at_ms" bigint;--> statement-breakpoint
ALTER TABLE "settings" ADD COLUMN "updated_by" json;--> statement-breakpoint
ALTER TABLE "sign_in" ADD COLUMN "viewer_password_hash" text;--> statement-breakpoint
ALTER TABLE "model_source_reservations" ADD CONSTRAINT "model_source_reservations_source_id_model_sources_id_fk" FOREIGN KEY ("source_id") REFERENCES "model_sources"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "model_source_spending" ADD CONSTRAINT "model_source_spending_source_id_model_sources_id_fk" FOREIGN KEY ("source_id") REFERENCES "model_sources"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "api_keys_secret" ON "api_keys" USING btree ("secret_hash");--> statement-breakpoint
CREATE INDEX "audit_at" ON "audit" USING btree ("at_ms","id");--> statement-breakpoint
CREATE UNIQUE INDEX "firewall_entries_cidr" ON "firewall_entries" USING btree ("cidr");--> statement-breakpoint
CREATE INDEX "limit_counts_key" ON "limit_counts" USING btree ("key_id");--> statement-breakpoint
CREATE INDEX "limit_counts_until" ON "limit_counts" USING btree ("until_ms");--> statement-breakpoint
CREATE INDEX "logins_created" ON "logins" USING btree ("created_at_ms");--> statement-breakpoint
CREATE INDEX "model_source_reservations_source" ON "model_source_reservations" USING btree ("source_id","day_at_ms");--> statement-breakpoint
CREATE UNIQUE INDEX "model_sources_name" ON "model_sources" USING btree ("name_key");--> statement-breakpoint
CREATE INDEX "notifications_at" ON "notifications" USING btree ("at_ms","id");--> statement-breakpoint
CREATE INDEX "notifications_next" ON "notifications" USING btree ("channel_id","next_at_ms");--> statement-breakpoint
CREATE UNIQUE INDEX "passkeys_credential" ON "passkeys" USING btree ("credential_id");--> statement-breakpoint
CREATE INDEX "request_sums_new_hour" ON "request_sums_new" USING btree ("hour_ms");--> statement-breakpoint
CREATE INDEX "reservations_holder" ON "reservations" USING btree ("holder");--> statement-breakpoint
CREATE INDEX "requests_key" ON "requests" USING btree ("key_id","at_ms");--> statement-breakpoint
CREATE INDEX "requests_conversation" ON "requests" USING btree ((case when "thread_id" is null then "session_id" else "thread_id" end),"at_ms","id");--> statement-breakpoint
CREATE INDEX "requests_error" ON "requests" USING btree ("error_code","at_ms","id") WHERE "requests"."error_code" is not null;--> statement-breakpoint
CREATE INDEX "requests_source" ON "requests" USING btree ("source_id","at_ms","id") WHERE "requests"."source_id" is not null;--> statement-breakpoint
CREATE INDEX "requests_uncounted" ON "requests" USING btree ("at_ms","id") WHERE "requests"."counted" is null;