ALTER TABLE `mirror_check` ADD `protocol` text DEFAULT 'http' NOT NULL;--> statement-breakpoint
ALTER TABLE `mirror_host` ADD `crawled_at` integer;