CREATE TABLE `response_contents` (
	`response_id` text PRIMARY KEY NOT NULL,
	`input` text NOT NULL,
	`output` text NOT NULL,
	FOREIGN KEY (`response_id`) REFERENCES `responses`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE TABLE `response_events` (
	`response_id` text NOT NULL,
	`first_sequence` integer NOT NULL,
	`last_sequence` integer NOT NULL,
	`at_ms` integer NOT NULL,
	`events` text NOT NULL,
	PRIMARY KEY(`response_id`, `first_sequence`),
	FOREIGN KEY (`response_id`) REFERENCES `responses`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `response_events_at` ON `response_events` (`at_ms`);--> statement-breakpoint
CREATE TABLE `responses` (
	`id` text PRIMARY KEY NOT NULL,
	`kind` text NOT NULL,
	`key_id` text,
	`status` text NOT NULL,
	`background` integer NOT NULL,
	`model` text,
	`previous_id` text,
	`thread_id` text NOT NULL,
	`created_at_ms` integer NOT NULL,
	`alive_until_ms` integer,
	`input_bytes` integer NOT NULL,
	`output_bytes` integer NOT NULL,
	`metadata` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `responses_created` ON `responses` (`kind`,`created_at_ms`,`id`);--> statement-breakpoint
CREATE INDEX `responses_alive` ON `responses` (`alive_until_ms`);