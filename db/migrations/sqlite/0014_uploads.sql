CREATE TABLE `source_upload` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`person_id` integer NOT NULL,
	`sha256` text NOT NULL,
	`size_bytes` integer NOT NULL,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `source_upload_person` ON `source_upload` (`person_id`,`size_bytes`);--> statement-breakpoint
CREATE INDEX `source_upload_sha256` ON `source_upload` (`sha256`);