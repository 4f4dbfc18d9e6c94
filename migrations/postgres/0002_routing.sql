CREATE TABLE "catalogues" (
	"plan" text NOT NULL,
	"client_version" text NOT NULL,
	"etag" text,
	"fetched_at_ms" bigint NOT NULL,
	"models" json NOT NULL,
	CONSTRAINT "catalogues_plan_client_version_pk" PRIMARY KEY("plan","client_version")
);
--> statement-breakpoint
CREATE TABLE "redemptions" (
	"id" text PRIMARY KEY NOT NULL,
	"account_id" text NOT NULL,
	"credit_id" text,
	"by" text NOT NULL,
	"outcome" text NOT NULL,
	"error" text,
	"windows_reset" bigint,
	"started_at_ms" bigint NOT NULL,
	"settled_at_ms" bigint
);
--> statement-breakpoint
CREATE TABLE "usage_hours" (
	"account_id" text NOT NULL,
	"kind" text NOT NULL,
	"at_ms" bigint NOT NULL,
	"last_percent" double precision NOT NULL,
	"min_percent" double precision NOT NULL,
	"max_percent" double precision NOT NULL,
	"burned_percent" double precision NOT NULL,
	"reset_at_ms" bigint,
	"samples" bigint NOT NULL,
	CONSTRAINT "usage_hours_account_id_kind_at_ms_pk" PRIMARY KEY("account_id","kind","at_ms")
);
--> statement-breakpoint
ALTER TABLE "accounts" ADD COLUMN "concurrency" json;--> statement-breakpoint
ALTER TABLE "accounts" ADD COLUMN "fit_since_ms" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "accounts" ADD COLUMN "policy" text DEFAULT 'normal' NOT NULL;--> statement-breakpoint
ALTER TABLE "accounts" ADD COLUMN "priority" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "accounts" ADD COLUMN "tags" json DEFAULT '[]' NOT NULL;--> statement-breakpoint
ALTER TABLE "accounts" ADD COLUMN "meters" json DEFAULT '[]' NOT NULL;--> statement-breakpoint
ALTER TABLE "accounts" ADD COLUMN "limit_reached" text;--> statement-breakpoint
ALTER TABLE "accounts" ADD COLUMN "burn" json;--> statement-breakpoint
ALTER TABLE "accounts" ADD COLUMN "statistics" json;--> statement-breakpoint
ALTER TABLE "affinities" ADD COLUMN "kind" text DEFAULT 'thread' NOT NULL;--> statement-breakpoint
ALTER TABLE "affinities" ADD COLUMN "warm_tokens" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "affinities" ADD COLUMN "used_at_ms" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "requests" ADD COLUMN "affinity_key" text;--> statement-breakpoint
ALTER TABLE "requests" ADD COLUMN "waited_ms" bigint;--> statement-breakpoint
CREATE INDEX "redemptions_account" ON "redemptions" USING btree ("account_id","started_at_ms");--> statement-breakpoint
CREATE INDEX "usage_hours_at" ON "usage_hours" USING btree ("at_ms");