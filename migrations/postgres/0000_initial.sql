CREATE TABLE "accounts" (
	"id" text PRIMARY KEY NOT NULL,
	"chatgpt_account_id" text NOT NULL,
	"seat" text NOT NULL,
	"email" text,
	"plan" text NOT NULL,
	"workspace_id" text,
	"workspace_label" text,
	"paused" boolean NOT NULL,
	"sign_in" text NOT NULL,
	"sign_in_reason" text,
	"blocked" json,
	"failures" bigint NOT NULL,
	"windows" json NOT NULL,
	"credits" json,
	"created_at_ms" bigint NOT NULL,
	"refreshed_at_ms" bigint NOT NULL,
	"version" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "affinities" (
	"key" text PRIMARY KEY NOT NULL,
	"account_id" text NOT NULL,
	"expires_at_ms" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "counters" (
	"name" text PRIMARY KEY NOT NULL,
	"value" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "credentials" (
	"account_id" text PRIMARY KEY NOT NULL,
	"access_token" text NOT NULL,
	"refresh_token" text NOT NULL,
	"id_token" text,
	"refresh_fingerprint" text NOT NULL,
	"expires_at_ms" bigint,
	"version" bigint NOT NULL,
	"refresh_started_at_ms" bigint
);
--> statement-breakpoint
CREATE TABLE "meta" (
	"name" text PRIMARY KEY NOT NULL,
	"value" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "owners" (
	"kind" text NOT NULL,
	"id" text NOT NULL,
	"account_id" text NOT NULL,
	"expires_at_ms" bigint NOT NULL,
	CONSTRAINT "owners_kind_id_pk" PRIMARY KEY("kind","id")
);
--> statement-breakpoint
CREATE TABLE "requests" (
	"id" text PRIMARY KEY NOT NULL,
	"request_id" text NOT NULL,
	"at_ms" bigint NOT NULL,
	"route" text NOT NULL,
	"model" text,
	"effort" text,
	"service_tier" text,
	"account_id" text,
	"key_id" text,
	"status" text NOT NULL,
	"http_status" bigint NOT NULL,
	"error_code" text,
	"error_message" text,
	"input_tokens" bigint,
	"cached_tokens" bigint,
	"output_tokens" bigint,
	"reasoning_tokens" bigint,
	"cost_micro_usd" bigint,
	"first_token_ms" bigint,
	"total_ms" bigint NOT NULL,
	"transport" text NOT NULL,
	"client" text,
	"session_id" text,
	"thread_id" text,
	"response_id" text,
	"attempts" json NOT NULL,
	"decision" json
);
--> statement-breakpoint
CREATE TABLE "settings" (
	"name" text PRIMARY KEY NOT NULL,
	"value" json NOT NULL
);
--> statement-breakpoint
CREATE TABLE "usage_samples" (
	"account_id" text NOT NULL,
	"kind" text NOT NULL,
	"at_ms" bigint NOT NULL,
	"used_percent" double precision NOT NULL,
	"reset_at_ms" bigint,
	"source" text NOT NULL,
	CONSTRAINT "usage_samples_account_id_kind_at_ms_pk" PRIMARY KEY("account_id","kind","at_ms")
);
--> statement-breakpoint
ALTER TABLE "credentials" ADD CONSTRAINT "credentials_account_id_accounts_id_fk" FOREIGN KEY ("account_id") REFERENCES "accounts"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "accounts_identity" ON "accounts" USING btree ("chatgpt_account_id","seat");--> statement-breakpoint
CREATE INDEX "affinities_expires" ON "affinities" USING btree ("expires_at_ms");--> statement-breakpoint
CREATE INDEX "credentials_refresh_fingerprint" ON "credentials" USING btree ("refresh_fingerprint");--> statement-breakpoint
CREATE INDEX "owners_expires" ON "owners" USING btree ("expires_at_ms");--> statement-breakpoint
CREATE INDEX "requests_at" ON "requests" USING btree ("at_ms","id");--> statement-breakpoint
CREATE INDEX "usage_samples_at" ON "usage_samples" USING btree ("at_ms");