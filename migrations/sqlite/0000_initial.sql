CREATE TABLE `accounts` (
	`id` text PRIMARY KEY NOT NULL,
	`chatgpt_account_id` text NOT NULL,
	`seat` text NOT NULL,
	`email` text,
	`plan` text NOT NULL,
	`workspace_id` text,
	`workspace_label` text,
	`paused` integer NOT NULL,
	`sign_in` text NOT NULL,
	`sign_in_reason` text,
	`blocked` text,
	`failures` integer NOT NULL,
	`windows` text NOT NULL,
	`credits` text,
	`created_at_ms` integer NOT NULL,
	`refreshed_at_ms` integer NOT NULL,
	`version` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `accounts_identity` ON `accounts` (`chatgpt_account_id`,`seat`);--> statement-breakpoint
CREATE TABLE `affinities` (
	`key` text PRIMARY KEY NOT NULL,
	`account_id` text NOT NULL,
	`expires_at_ms` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `affinities_expires` ON `affinities` (`expires_at_ms`);--> statement-breakpoint
CREATE TABLE `counters` (
	`name` text PRIMARY KEY NOT NULL,
	`value` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `credentials` (
	`account_id` text PRIMARY KEY NOT NULL,
	`access_token` text NOT NULL,
	`refresh_token` text NOT NULL,
	`id_token` text,
	`refresh_fingerprint` text NOT NULL,
	`expires_at_ms` integer,
	`version` integer NOT NULL,
	`refresh_started_at_ms` integer,
	FOREIGN KEY (`account_id`) REFERENCES `accounts`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `credentials_refresh_fingerprint` ON `credentials` (`refresh_fingerprint`);--> statement-breakpoint
CREATE TABLE `meta` (
	`name` text PRIMARY KEY NOT NULL,
	`value` text NOT NULL
);
--> statement-breakpoint
CREATE TABLE `owners` (
	`kind` text NOT NULL,
	`id` text NOT NULL,
	`account_id` text NOT NULL,
	`expires_at_ms` integer NOT NULL,
	PRIMARY KEY(`kind`, `id`)
);
--> statement-breakpoint
CREATE INDEX `owners_expires` ON `owners` (`expires_at_ms`);--> statement-breakpoint
CREATE TABLE `requests` (
	`id` text PRIMARY KEY NOT NULL,
	`request_id` text NOT NULL,
	`at_ms` integer NOT NULL,
	`route` text NOT NULL,
	`model` text,
	`effort` text,
	`service_tier` text,
	`account_id` text,
	`key_id` text,
	`status` text NOT NULL,
	`http_status` integer NOT NULL,
	`error_code` text,
	`error_message` text,
	`input_tokens` integer,
	`cached_tokens` integer,
	`output_tokens` integer,
	`reasoning_tokens` integer,
	`cost_micro_usd` integer,
	`first_token_ms` integer,
	`total_ms` integer NOT NULL,
	`transport` text NOT NULL,
	`client` text,
	`session_id` text,
	`thread_id` text,
	`response_id` text,
	`attempts` text NOT NULL,
	`decision` text
);
--> statement-breakpoint
CREATE INDEX `requests_at` ON `requests` (`at_ms`,`id`);--> statement-breakpoint
CREATE TABLE `settings` (
	`name` text PRIMARY KEY NOT NULL,
	`value` text NOT NULL
);
--> statement-breakpoint
CREATE TABLE `usage_samples` (
	`account_id` text NOT NULL,
	`kind` text NOT NULL,
	`at_ms` integer NOT NULL,
	`used_percent` real NOT NULL,
	`reset_at_ms` integer,
	`source` text NOT NULL,
	PRIMARY KEY(`account_id`, `kind`, `at_ms`)
);
--> statement-breakpoint
CREATE INDEX `usage_samples_at` ON `usage_samples` (`at_ms`);