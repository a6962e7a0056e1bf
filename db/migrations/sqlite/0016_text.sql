CREATE TABLE `rendered_text` (
	`digest` text PRIMARY KEY NOT NULL,
	`version` integer NOT NULL,
	`html` text NOT NULL,
	`rendered_at` integer NOT NULL
);
--> statement-breakpoint
ALTER TABLE `comment` ADD `hidden_at` integer;--> statement-breakpoint
ALTER TABLE `comment` ADD `hidden_by` text;--> statement-breakpoint
ALTER TABLE `comment` ADD `hidden_reason` text;