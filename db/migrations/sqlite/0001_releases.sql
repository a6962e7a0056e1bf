CREATE TABLE `blocker` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`release` text NOT NULL,
	`kind` text NOT NULL,
	`title` text NOT NULL,
	`criterion` text NOT NULL,
	`justification` text NOT NULL,
	`bug_url` text DEFAULT '' NOT NULL,
	`update_alias` text,
	`state` text NOT NULL,
	`proposer_id` integer NOT NULL,
	`proposer` text NOT NULL,
	`decided_by` text,
	`decision_reason` text,
	`created_at` integer NOT NULL,
	`decided_at` integer
);
--> statement-breakpoint
CREATE INDEX `blocker_release` ON `blocker` (`release`,`state`,`id`);--> statement-breakpoint
CREATE TABLE `blocker_vote` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`blocker_id` integer NOT NULL,
	`person_id` integer NOT NULL,
	`username` text NOT NULL,
	`vote` integer NOT NULL,
	`comment` text NOT NULL,
	`at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `blocker_vote_one` ON `blocker_vote` (`blocker_id`,`person_id`);--> statement-breakpoint
CREATE TABLE `milestone` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`release` text NOT NULL,
	`key` text NOT NULL,
	`name` text NOT NULL,
	`position` integer NOT NULL,
	`first_date` text NOT NULL,
	`date` text NOT NULL,
	`reached_at` integer
);
--> statement-breakpoint
CREATE UNIQUE INDEX `milestone_key` ON `milestone` (`release`,`key`);--> statement-breakpoint
CREATE TABLE `milestone_slip` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`milestone_id` integer NOT NULL,
	`from_date` text NOT NULL,
	`to_date` text NOT NULL,
	`reason` text NOT NULL,
	`decided_by` text NOT NULL,
	`at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `milestone_slip_milestone` ON `milestone_slip` (`milestone_id`,`id`);--> statement-breakpoint
CREATE TABLE `package_claim` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`release` text NOT NULL,
	`package` text NOT NULL,
	`person_id` integer NOT NULL,
	`username` text NOT NULL,
	`at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `package_claim_one` ON `package_claim` (`release`,`package`);--> statement-breakpoint
CREATE TABLE `readiness_day` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`release` text NOT NULL,
	`day` text NOT NULL,
	`repository` text NOT NULL,
	`arch` text NOT NULL,
	`stable` integer NOT NULL,
	`testing` integer NOT NULL,
	`built` integer NOT NULL,
	`missing` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `readiness_day_one` ON `readiness_day` (`release`,`day`,`repository`,`arch`);--> statement-breakpoint
CREATE TABLE `release_decision` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`release` text NOT NULL,
	`milestone` text NOT NULL,
	`decision` text NOT NULL,
	`reason` text NOT NULL,
	`decided_by` text NOT NULL,
	`state` text NOT NULL,
	`at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `release_decision_release` ON `release_decision` (`release`,`id`);--> statement-breakpoint
CREATE TABLE `upstream_import` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`release` text NOT NULL,
	`repository` text NOT NULL,
	`source` text NOT NULL,
	`repomd_sha256` text NOT NULL,
	`packages` integer NOT NULL,
	`added` integer NOT NULL,
	`changed` integer NOT NULL,
	`removed` integer NOT NULL,
	`actor` text NOT NULL,
	`at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `upstream_import_release` ON `upstream_import` (`release`,`id`);--> statement-breakpoint
CREATE TABLE `upstream_package` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`release` text NOT NULL,
	`repository` text NOT NULL,
	`name` text NOT NULL,
	`epoch` integer NOT NULL,
	`version` text NOT NULL,
	`rpm_release` text NOT NULL,
	`first_seen_at` integer NOT NULL,
	`changed_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `upstream_package_name` ON `upstream_package` (`release`,`repository`,`name`);--> statement-breakpoint
ALTER TABLE `update_` ADD `freeze_exception` text;--> statement-breakpoint
CREATE INDEX `event_at` ON `event` (`at`);