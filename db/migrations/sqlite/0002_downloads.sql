CREATE TABLE `compose` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`release` text NOT NULL,
	`label` text,
	`state` text NOT NULL,
	`step` text NOT NULL,
	`why` text NOT NULL,
	`task_id` integer NOT NULL,
	`generation_ids` text NOT NULL,
	`source_date_s` integer DEFAULT 0 NOT NULL,
	`notes` text NOT NULL,
	`created_at` integer NOT NULL,
	`ended_at` integer
);
--> statement-breakpoint
CREATE INDEX `compose_release` ON `compose` (`release`,`id`);--> statement-breakpoint
CREATE UNIQUE INDEX `compose_label` ON `compose` (`release`,`label`);--> statement-breakpoint
CREATE TABLE `image` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`compose_id` integer NOT NULL,
	`release` text NOT NULL,
	`arch` text NOT NULL,
	`path` text NOT NULL,
	`tree_path` text NOT NULL,
	`facts` text NOT NULL,
	`published_at` integer,
	`withdrawn_at` integer,
	`removed_at` integer
);
--> statement-breakpoint
CREATE UNIQUE INDEX `image_compose` ON `image` (`compose_id`,`arch`);--> statement-breakpoint
CREATE INDEX `image_release` ON `image` (`release`,`id`);