CREATE TABLE `countme` (
	`week` text NOT NULL,
	`repository` text NOT NULL,
	`arch` text NOT NULL,
	`bucket` integer NOT NULL,
	`count` integer NOT NULL,
	PRIMARY KEY(`week`, `repository`, `arch`, `bucket`)
);
--> statement-breakpoint
CREATE TABLE `mirror_admin` (
	`site_id` integer NOT NULL,
	`person_id` integer NOT NULL,
	`added_at` integer NOT NULL,
	PRIMARY KEY(`site_id`, `person_id`)
);
--> statement-breakpoint
CREATE INDEX `mirror_admin_person` ON `mirror_admin` (`person_id`);--> statement-breakpoint
CREATE TABLE `mirror_answer` (
	`day` text NOT NULL,
	`repository` text NOT NULL,
	`country` text NOT NULL,
	`count` integer NOT NULL,
	PRIMARY KEY(`day`, `repository`, `country`)
);
--> statement-breakpoint
CREATE TABLE `mirror_check` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`host_id` integer NOT NULL,
	`repository_id` integer NOT NULL,
	`family` integer NOT NULL,
	`outcome` text NOT NULL,
	`detail` text NOT NULL,
	`took_ms` integer NOT NULL,
	`first_at` integer NOT NULL,
	`last_at` integer NOT NULL,
	`count` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `mirror_check_host` ON `mirror_check` (`host_id`,`id`);--> statement-breakpoint
CREATE INDEX `mirror_check_last` ON `mirror_check` (`last_at`);--> statement-breakpoint
CREATE TABLE `mirror_exclusion` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`host_id` integer NOT NULL,
	`release` text,
	`arch` text,
	`repository` text
);
--> statement-breakpoint
CREATE INDEX `mirror_exclusion_host` ON `mirror_exclusion` (`host_id`);--> statement-breakpoint
CREATE TABLE `mirror_host` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`site_id` integer NOT NULL,
	`name` text NOT NULL,
	`country` text NOT NULL,
	`latitude` real,
	`longitude` real,
	`asn` integer,
	`bandwidth_mbps` integer NOT NULL,
	`tier` integer DEFAULT 2 NOT NULL,
	`tier_approved_at` integer,
	`ipv4` integer DEFAULT true NOT NULL,
	`ipv6` integer DEFAULT true NOT NULL,
	`visibility` text DEFAULT 'public' NOT NULL,
	`state` text DEFAULT 'new' NOT NULL,
	`proof_token` text NOT NULL,
	`proved_at` integer,
	`maintenance_from` integer,
	`maintenance_until` integer,
	`maintenance_note` text DEFAULT '' NOT NULL,
	`created_at` integer NOT NULL,
	`modified_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `mirror_host_name` ON `mirror_host` (`name`);--> statement-breakpoint
CREATE INDEX `mirror_host_site` ON `mirror_host` (`site_id`);--> statement-breakpoint
CREATE TABLE `mirror_netblock` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`host_id` integer NOT NULL,
	`cidr` text NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `mirror_netblock_pair` ON `mirror_netblock` (`host_id`,`cidr`);--> statement-breakpoint
CREATE TABLE `mirror_peer_asn` (
	`host_id` integer NOT NULL,
	`asn` integer NOT NULL,
	PRIMARY KEY(`host_id`, `asn`)
);
--> statement-breakpoint
CREATE TABLE `mirror_repository` (
	`host_id` integer NOT NULL,
	`repository_id` integer NOT NULL,
	`fresh` integer NOT NULL,
	`outcome` text NOT NULL,
	`reason` text,
	`generation_id` integer DEFAULT 0 NOT NULL,
	`failures` integer DEFAULT 0 NOT NULL,
	`failing_since` integer,
	`listed` integer DEFAULT false NOT NULL,
	`etag` text,
	`checked_at` integer NOT NULL,
	`fresh_at` integer,
	PRIMARY KEY(`host_id`, `repository_id`)
);
--> statement-breakpoint
CREATE INDEX `mirror_repository_repository` ON `mirror_repository` (`repository_id`);--> statement-breakpoint
CREATE TABLE `mirror_site` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`name` text NOT NULL,
	`url` text DEFAULT '' NOT NULL,
	`contacts` text NOT NULL,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `mirror_site_name` ON `mirror_site` (`name`);--> statement-breakpoint
CREATE TABLE `mirror_source` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`host_id` integer NOT NULL,
	`cidr` text NOT NULL,
	`expires_at` integer,
	`added_by` text NOT NULL,
	`added_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `mirror_source_pair` ON `mirror_source` (`host_id`,`cidr`);--> statement-breakpoint
CREATE TABLE `mirror_url` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`host_id` integer NOT NULL,
	`protocol` text NOT NULL,
	`url` text NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `mirror_url_pair` ON `mirror_url` (`host_id`,`protocol`);