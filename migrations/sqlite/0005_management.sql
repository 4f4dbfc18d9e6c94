CREATE TABLE `api_key_days` (
	`key_id` text NOT NULL,
	`at_ms` integer NOT NULL,
	`requests` integer NOT NULL,
	`input_tokens` integer NOT NULL,
	`cached_tokens` integer NOT NULL,
	`output_tokens` integer NOT NULL,
	`cost_micro_usd` integer NOT NULL,
	PRIMARY KEY(`key_id`, `at_ms`)
);
--> statement-breakpoint
CREATE TABLE `api_keys` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`notes` text,
	`secret_hash` text NOT NULL,
	`prefix` text NOT NULL,
	`allowed_models` text,
	`enforced_model` text,
	`enforced_effort` text,
	`allowed_efforts` text,
	`enforced_service_tier` text,
	`account_ids` text,
	`tags` text,
	`allowed_addresses` text,
	`limits` text NOT NULL,
	`pool_share_percent` integer,
	`expires_at_ms` integer,
	`is_active` integer NOT NULL,
	`created_at_ms` integer NOT NULL,
	`last_used_at_ms` integer,
	`revision` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `api_keys_secret` ON `api_keys` (`secret_hash`);--> statement-breakpoint
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
CREATE TABLE `egress_pools` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`member_ids` text NOT NULL,
	`created_at_ms` integer NOT NULL,
	`updated_at_ms` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `egress_proxies` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`scheme` text NOT NULL,
	`host` text NOT NULL,
	`port` integer NOT NULL,
	`username` text,
	`password` text,
	`is_active` integer NOT NULL,
	`created_at_ms` integer NOT NULL,
	`updated_at_ms` integer NOT NULL,
	`version` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `firewall_areas` (
	`area` text PRIMARY KEY NOT NULL,
	`mode` text NOT NULL
);
--> statement-breakpoint
CREATE TABLE `firewall_entries` (
	`id` text PRIMARY KEY NOT NULL,
	`cidr` text NOT NULL,
	`note` text NOT NULL,
	`created_at_ms` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `firewall_entries_cidr` ON `firewall_entries` (`cidr`);--> statement-breakpoint
CREATE TABLE `leases` (
	`name` text PRIMARY KEY NOT NULL,
	`holder` text NOT NULL,
	`until_ms` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `limit_counts` (
	`limit_id` text NOT NULL,
	`shape` text NOT NULL,
	`start_ms` integer NOT NULL,
	`until_ms` integer NOT NULL,
	`key_id` text NOT NULL,
	`used` integer NOT NULL,
	PRIMARY KEY(`limit_id`, `shape`, `start_ms`)
);
--> statement-breakpoint
CREATE INDEX `limit_counts_key` ON `limit_counts` (`key_id`);--> statement-breakpoint
CREATE INDEX `limit_counts_until` ON `limit_counts` (`until_ms`);--> statement-breakpoint
CREATE TABLE `logins` (
	`id` text PRIMARY KEY NOT NULL,
	`method` text NOT NULL,
	`status` text NOT NULL,
	`account_id` text,
	`started_by` text NOT NULL,
	`created_at_ms` integer NOT NULL,
	`expires_at_ms` integer NOT NULL,
	`changed_at_ms` integer NOT NULL,
	`state_hash` text,
	`interval_ms` integer,
	`next_poll_at_ms` integer,
	`secrets` text,
	`result` text,
	`fault` text
);
--> statement-breakpoint
CREATE INDEX `logins_created` ON `logins` (`created_at_ms`);--> statement-breakpoint
CREATE TABLE `model_source_reservations` (
	`id` text PRIMARY KEY NOT NULL,
	`source_id` text NOT NULL,
	`day_at_ms` integer NOT NULL,
	`micro_usd` integer NOT NULL,
	`at_ms` integer NOT NULL,
	FOREIGN KEY (`source_id`) REFERENCES `model_sources`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `model_source_reservations_source` ON `model_source_reservations` (`source_id`,`day_at_ms`);--> statement-breakpoint
CREATE TABLE `model_source_spending` (
	`source_id` text NOT NULL,
	`day_at_ms` integer NOT NULL,
	`micro_usd` integer NOT NULL,
	PRIMARY KEY(`source_id`, `day_at_ms`),
	FOREIGN KEY (`source_id`) REFERENCES `model_sources`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE TABLE `model_sources` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`name_key` text NOT NULL,
	`base_url` text NOT NULL,
	`allow_private_address` integer NOT NULL,
	`api_key` text,
	`is_active` integer NOT NULL,
	`position` integer NOT NULL,
	`uses` text NOT NULL,
	`supports` text NOT NULL,
	`models` text NOT NULL,
	`timeout_seconds` integer NOT NULL,
	`max_concurrency` integer,
	`usd_per_day` real,
	`usd_per_month` real,
	`health` text,
	`created_at_ms` integer NOT NULL,
	`reservations` integer DEFAULT 0 NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `model_sources_name` ON `model_sources` (`name_key`);--> statement-breakpoint
CREATE TABLE `notification_channels` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`config` text NOT NULL,
	`secrets` text NOT NULL,
	`is_active` integer NOT NULL,
	`allow_private_address` integer NOT NULL,
	`show_emails` integer NOT NULL,
	`created_at_ms` integer NOT NULL,
	`updated_at_ms` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `notification_rules` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text,
	`kind` text NOT NULL,
	`parameters` text NOT NULL,
	`channel_ids` text NOT NULL,
	`is_active` integer NOT NULL,
	`quiet_hours` text,
	`min_gap_minutes` integer NOT NULL,
	`tell_end` integer NOT NULL,
	`created_at_ms` integer NOT NULL,
	`updated_at_ms` integer NOT NULL,
	`states` text NOT NULL,
	`version` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `notifications` (
	`id` text PRIMARY KEY NOT NULL,
	`at_ms` integer NOT NULL,
	`rule_id` text NOT NULL,
	`rule_name` text,
	`kind` text NOT NULL,
	`event` text NOT NULL,
	`channel_id` text NOT NULL,
	`channel_name` text NOT NULL,
	`title` text NOT NULL,
	`text` text NOT NULL,
	`about` text NOT NULL,
	`status` text NOT NULL,
	`tries` integer NOT NULL,
	`attempts` text NOT NULL,
	`next_at_ms` integer
);
--> statement-breakpoint
CREATE INDEX `notifications_at` ON `notifications` (`at_ms`,`id`);--> statement-breakpoint
CREATE INDEX `notifications_next` ON `notifications` (`channel_id`,`next_at_ms`);--> statement-breakpoint
CREATE TABLE `passkeys` (
	`id` text PRIMARY KEY NOT NULL,
	`credential_id` text NOT NULL,
	`public_key` text NOT NULL,
	`counter` integer NOT NULL,
	`transports` text NOT NULL,
	`rp_id` text NOT NULL,
	`name` text NOT NULL,
	`backed_up` integer NOT NULL,
	`created_at_ms` integer NOT NULL,
	`last_used_at_ms` integer
);
--> statement-breakpoint
CREATE UNIQUE INDEX `passkeys_credential` ON `passkeys` (`credential_id`);--> statement-breakpoint
CREATE TABLE `prices` (
	`model` text NOT NULL,
	`source` text NOT NULL,
	`price` text NOT NULL,
	`since_ms` integer NOT NULL,
	PRIMARY KEY(`model`, `source`)
);
--> statement-breakpoint
CREATE TABLE `request_days` (
	`at_ms` integer PRIMARY KEY NOT NULL,
	`sums` blob NOT NULL
);
--> statement-breakpoint
CREATE TABLE `request_hours` (
	`at_ms` integer PRIMARY KEY NOT NULL,
	`sums` blob NOT NULL
);
--> statement-breakpoint
CREATE TABLE `request_kinds` (
	`id` integer PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`account` text,
	`key` text,
	`model` text,
	`client` text,
	`effort` text,
	`tier` text
);
--> statement-breakpoint
CREATE UNIQUE INDEX `request_kinds_name_unique` ON `request_kinds` (`name`);--> statement-breakpoint
CREATE TABLE `request_sums_new` (
	`id` text PRIMARY KEY NOT NULL,
	`hour_ms` integer NOT NULL,
	`sums` blob NOT NULL
);
--> statement-breakpoint
CREATE INDEX `request_sums_new_hour` ON `request_sums_new` (`hour_ms`);--> statement-breakpoint
CREATE TABLE `reservation_holders` (
	`id` text PRIMARY KEY NOT NULL,
	`alive_until_ms` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `reservations` (
	`id` text PRIMARY KEY NOT NULL,
	`key_id` text NOT NULL,
	`holder` text NOT NULL,
	`at_ms` integer NOT NULL,
	`declared` text NOT NULL,
	`places` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `reservations_holder` ON `reservations` (`holder`);--> statement-breakpoint
ALTER TABLE `accounts` ADD `alias` text;--> statement-breakpoint
ALTER TABLE `accounts` ADD `egress` text;--> statement-breakpoint
ALTER TABLE `owners` ADD `key_id` text;--> statement-breakpoint
ALTER TABLE `requests` ADD `client_address` text;--> statement-breakpoint
ALTER TABLE `requests` ADD `source_id` text;--> statement-breakpoint
ALTER TABLE `requests` ADD `egress_id` text;--> statement-breakpoint
ALTER TABLE `requests` ADD `moved` integer;--> statement-breakpoint
ALTER TABLE `requests` ADD `counted` integer;--> statement-breakpoint
CREATE INDEX `requests_key` ON `requests` (`key_id`,`at_ms`);--> statement-breakpoint
CREATE INDEX `requests_conversation` ON `requests` ((case when "thread_id" is null then "session_id" else "thread_id" end),`at_ms`,`id`);--> statement-breakpoint
CREATE INDEX `requests_error` ON `requests` (`error_code`,`at_ms`,`id`) WHERE "requests"."error_code" is not null;--> statement-breakpoint
CREATE INDEX `requests_source` ON `requests` (`source_id`,`at_ms`,`id`) WHERE "requests"."source_id" is not null;--> statement-breakpoint
CREATE INDEX `requests_uncounted` ON `requests` (`at_ms`,`id`) WHERE "requests"."counted" is null;--> statement-breakpoint
ALTER TABLE `sessions` ADD `role` text DEFAULT 'admin' NOT NULL;--> statement-breakpoint
ALTER TABLE `sessions` ADD `method` text DEFAULT 'password' NOT NULL;--> statement-breakpoint
ALTER TABLE `settings` ADD `version` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `settings` ADD `updated_at_ms` integer;--> statement-breakpoint
ALTER TABLE `settings` ADD `updated_by` text;--> statement-breakpoint
ALTER TABLE `sign_in` ADD `viewer_password_hash` text;