CREATE TABLE `response_items` (
	`response_id` text NOT NULL,
	`item` text NOT NULL,
	`created_at_ms` integer NOT NULL,
	PRIMARY KEY(`response_id`, `item`),
	FOREIGN KEY (`response_id`) REFERENCES `responses`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `response_items_item` ON `response_items` (`item`,`created_at_ms`);