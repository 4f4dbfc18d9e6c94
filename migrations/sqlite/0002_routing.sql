CREATE TABLE `catalogues` (
	`plan` text NOT NULL,
	`client_version` text NOT NULL,
	`etag` text,
	`fetched_at_ms` integer NOT NULL,
	`models` text NOT NULL,
	PRIMARY KEY(`plan`, `client_version`)
);
--> statement-breakpoint
CREATE TABLE `redemptions` (
	`id` text PRIMARY KEY NOT NULL,
	`account_id` text NOT NULL,
	`credit_id` text,
	`by` text NOT NULL,
	`outcome` text NOT NULL,
	`error` text,
	`windows_reset` integer,
	`started_at_ms` integer NOT NULL,
	`settled_at_ms` integer
);
--> statement-breakpoint
CREATE INDEX `redemptions_account` ON `redemptions` (`account_id`,`started_at_ms`);--> statement-breakpoint
CREATE TABLE `usage_hours` (
	`account_id` text NOT NULL,
	`kind` text NOT NULL,
	`at_ms` integer NOT NULL,
	`last_percent` real NOT NULL,
	`min_percent` real NOT NULL,
	`max_percent` real NOT NULL,
	`burned_percent` real NOT NULL,
	`reset_at_ms` integer,
	`samples` integer NOT NULL,
	PRIMARY KEY(`account_id`, `kind`, `at_ms`)
);
--> statement-breakpoint
CREATE INDEX `usage_hours_at` ON `usage_hours` (`at_ms`);--> statement-breakpoint
ALTER TABLE `accounts` ADD `concurrency` text;--> statement-breakpoint
ALTER TABLE `accounts` ADD `fit_since_ms` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `accounts` ADD `policy` text DEFAULT 'normal' NOT NULL;--> statement-breakpoint
ALTER TABLE `accounts` ADD `priority` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `accounts` ADD `tags` text DEFAULT '[]' NOT NULL;--> statement-breakpoint
ALTER TABLE `accounts` ADD `meters` text DEFAULT '[]' NOT NULL;--> statement-breakpoint
ALTER TABLE `accounts` ADD `limit_reached` text;--> statement-breakpoint
ALTER TABLE `accounts` ADD `burn` text;--> statement-breakpoint
ALTER TABLE `accounts` ADD `statistics` text;--> statement-breakpoint
ALTER TABLE `affinities` ADD `kind` text DEFAULT 'thread' NOT NULL;--> statement-breakpoint
ALTER TABLE `affinities` ADD `warm_tokens` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `affinities` ADD `used_at_ms` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `requests` ADD `affinity_key` text;--> statement-breakpoint
ALTER TABLE `requests` ADD `waited_ms` integer;