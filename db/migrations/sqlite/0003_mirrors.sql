CREATE TABLE `mirror_arrival` (
	`push_id` integer NOT NULL,
	`host_id` integer NOT NULL,
	`seen_at` integer NOT NULL,
	PRIMARY KEY(`push_id`, `host_id`)
);
--> statement-breakpoint
CREATE INDEX `mirror_arrival_host` ON `mirror_arrival` (`host_id`,`seen_at`);--> statement-breakpoint
ALTER TABLE `mirror_url` ADD `listed` integer DEFAULT true NOT NULL;--> statement-breakpoint
ALTER TABLE `mirror_url` ADD `outcome` text;--> statement-breakpoint
ALTER TABLE `mirror_url` ADD `reason` text;--> statement-breakpoint
ALTER TABLE `mirror_url` ADD `failures` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `mirror_url` ADD `failing_since` integer;--> statement-breakpoint
ALTER TABLE `mirror_url` ADD `checked_at` integer;--> statement-breakpoint
ALTER TABLE `mirror_url` ADD `fresh_at` integer;