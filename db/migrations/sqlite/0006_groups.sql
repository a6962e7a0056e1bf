CREATE TABLE `group_member` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`group_id` integer NOT NULL,
	`person_id` integer NOT NULL,
	`sponsored_by` text NOT NULL,
	`since` integer NOT NULL,
	`sponsor_since` integer,
	`left_at` integer,
	`left_by` text,
	`left_reason` text
);
--> statement-breakpoint
CREATE UNIQUE INDEX `group_member_live` ON `group_member` (`group_id`,`person_id`) WHERE left_at is null;--> statement-breakpoint
CREATE INDEX `group_member_person` ON `group_member` (`person_id`);--> statement-breakpoint
CREATE TABLE `group_request` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`group_id` integer NOT NULL,
	`person_id` integer NOT NULL,
	`reason` text NOT NULL,
	`asked_at` integer NOT NULL,
	`state` text NOT NULL,
	`decided_by` text,
	`decided_at` integer,
	`decision_reason` text
);
--> statement-breakpoint
CREATE UNIQUE INDEX `group_request_open` ON `group_request` (`group_id`,`person_id`) WHERE state = 'open';--> statement-breakpoint
CREATE INDEX `group_request_person` ON `group_request` (`person_id`);--> statement-breakpoint
CREATE TABLE `people_group` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`name` text NOT NULL,
	`title` text NOT NULL,
	`description` text NOT NULL,
	`role` text,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `people_group_name` ON `people_group` (`name`);--> statement-breakpoint
CREATE UNIQUE INDEX `people_group_role` ON `people_group` (`role`) WHERE role is not null;--> statement-breakpoint
INSERT INTO "people_group" ("name", "title", "description", "role", "created_at") VALUES
	('administrators', 'Administrators', 'Keep the portal: people, groups, releases, the mirror team, decisions.', 'admin', 0),
	('packagers', 'Packagers', 'Build packages and make updates of them.', 'packager', 0);
--> statement-breakpoint
INSERT INTO "group_member" ("group_id", "person_id", "sponsored_by", "since")
SELECT "people_group"."id", "person_role"."person_id", "person_role"."granted_by", "person_role"."granted_at"
FROM "person_role" INNER JOIN "people_group" ON "people_group"."role" = "person_role"."role";--> statement-breakpoint
DROP TABLE `person_role`;