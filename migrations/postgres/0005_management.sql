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
ALTER TABLE "requests" ADD COLUMN "client_address" text;--> statement-breakpoint
ALTER TABLE "requests" ADD COLUMN "source_id" text;--> statement-breakpoint
ALTER TABLE "requests" ADD COLUMN "egress_id" text;--> statement-breakpoint
ALTER TABLE "settings" ADD COLUMN "version" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "settings" ADD COLUMN "updated_at_ms" bigint;--> statement-breakpoint
ALTER TABLE "settings" ADD COLUMN "updated_by" json;--> statement-breakpoint
CREATE INDEX "audit_at" ON "audit" USING btree ("at_ms","id");