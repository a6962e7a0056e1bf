CREATE TABLE `upload` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`task_id` integer NOT NULL,
	`filename` text NOT NULL,
	`sha256` text NOT NULL,
	`size_bytes` integer NOT NULL,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `upload_task_filename` ON `upload` (`task_id`,`filename`);--> statement-breakpoint
CREATE INDEX `upload_sha256` ON `upload` (`sha256`);--> statement-breakpoint
DROP INDEX `task_queue`;--> statement-breakpoint
ALTER TABLE `task` ADD `driver` text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE `task` ADD `returns` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
CREATE INDEX `task_queue` ON `task` (`state`,`channel`,`arch`,`driver`,`priority`,`id`);--> statement-breakpoint
ALTER TABLE `builder` ADD `granted_arches` text DEFAULT '[]' NOT NULL;--> statement-breakpoint
ALTER TABLE `builder` ADD `granted_channels` text DEFAULT '[]' NOT NULL;--> statement-breakpoint
ALTER TABLE `builder` ADD `granted_drivers` text DEFAULT '[]' NOT NULL;--> statement-breakpoint
ALTER TABLE `builder` ADD `granted_capacity` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `builder` ADD `bounds` text DEFAULT '[]' NOT NULL;--> statement-breakpoint
ALTER TABLE `builder` ADD `fault` text;--> statement-breakpoint
ALTER TABLE `builder` ADD `faults` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `builder` ADD `rests_until` integer;--> statement-breakpoint
UPDATE `builder` SET `granted_arches` = `arches`, `granted_channels` = `channels`, `granted_drivers` = '["host","mock"]', `granted_capacity` = `capacity`;--> statement-breakpoint
UPDATE `task` SET `driver` = json_extract(`payload`, '$.driver') WHERE `method` = 'buildArch' AND json_extract(`payload`, '$.driver') IS NOT NULL;
