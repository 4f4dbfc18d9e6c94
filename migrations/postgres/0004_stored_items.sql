CREATE TABLE "response_items" (
	"response_id" text NOT NULL,
	"item" text NOT NULL,
	"created_at_ms" bigint NOT NULL,
	CONSTRAINT "response_items_response_id_item_pk" PRIMARY KEY("response_id","item")
);
--> statement-breakpoint
ALTER TABLE "response_items" ADD CONSTRAINT "response_items_response_id_responses_id_fk" FOREIGN KEY ("response_id") REFERENCES "responses"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "response_items_item" ON "response_items" USING btree ("item","created_at_ms");