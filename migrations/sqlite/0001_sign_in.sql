CREATE TABLE `recovery_codes` (
	`hash` text PRIMARY KEY NOT NULL
);
--> statement-breakpoint
CREATE TABLE `sessions` (
	`id_hash` text PRIMARY KEY NOT NULL,
	`level` text NOT NULL,
	`created_at_ms` integer NOT NULL,
	`last_seen_at_ms` integer NOT NULL,
	`expires_at_ms` integer NOT NULL,
	`user_agent` text,
	`address` text
);
--> statement-breakpoint
CREATE INDEX `sessions_expires` ON `sessions` (`expires_at_ms`);--> statement-breakpoint
CREATE TABLE `sign_in` (
	`name` text PRIMARY KEY NOT NULL,
	`password_hash` text,
	`totp_secret` text,
	`totp_last_step` integer NOT NULL,
	`bootstrap_hash` text
);
