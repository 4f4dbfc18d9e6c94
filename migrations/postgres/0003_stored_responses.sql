CREATE TABLE "response_contents" (
	"response_id" text PRIMARY KEY NOT NULL,
	"input" text NOT NULL,
	"output" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "response_events" (
	"response_id" text NOT NULL,
	"first_sequence" bigint NOT NULL,
	"last_sequence" bigint NOT NULL,
	"at_ms" bigint NOT NULL,
	"events" text NOT NULL,
	CONSTRAINT "response_events_response_id_first_sequence_pk" PRIMARY KEY("response_id","first_sequence")
);
--> statement-breakpoint
CREATE TABLE "responses" (
	"id" text PRIMARY KEY NOT NULL,
	"kind" text NOT NULL,
	"key_id" text,
	"status" text NOT NULL,
	"background" boolean NOT NULL,
	"model" text,
	"previous_id" text,
	"thread_id" text NOT NULL,
	"created_at_ms" bigint NOT NULL,
	"alive_until_ms" bigint,
	"input_bytes" bigint NOT NULL,
	"output_bytes" bigint NOT NULL,
	"metadata" text NOT NULL
);
--> statement-breakpoint
ALTER TABLE "response_contents" ADD CONSTRAINT "response_contents_response_id_responses_id_fk" FOREIGN KEY ("response_id") REFERENCES "responses"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "response_events" ADD CONSTRAINT "response_events_response_id_responses_id_fk" FOREIGN KEY ("response_id") REFERENCES "responses"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "response_events_at" ON "response_events" USING btree ("at_ms");--> statement-breakpoint
CREATE INDEX "responses_created" ON "responses" USING btree ("kind","created_at_ms","id");--> statement-breakpoint
CREATE INDEX "responses_alive" ON "responses" USING btree ("alive_until_ms");