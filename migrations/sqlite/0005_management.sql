CREATE TABLE `audit` (
	`id` text PRIMARY KEY NOT NULL,
	`at_ms` integer NOT NULL,
	`action` text NOT NULL,
	`actor_kind` text NOT NULL,
	`actor_name` text,
	`actor_address` text,
	`request_id` text,
	`target_kind` text,
	`target_id` text,
	`outcome` text NOT NULL,
	`before` text,
	`after` text
);
--> statement-breakpoint
CREATE INDEX `audit_at` ON `audit` (`at_ms`,`id`);--> statement-breakpoint
ALTER TABLE `requests` ADD `client_address` text;--> statement-breakpoint
ALTER TABLE `requests` ADD `source_id` text;--> statement-breakpoint
ALTER TABLE `requests` ADD `egress_id` text;--> statement-breakpoint
ALTER TABLE `settings` ADD `version` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `settings` ADD `updated_at_ms` integer;--> statement-breakpoint
ALTER TABLE `settings` ADD `updated_by` text;