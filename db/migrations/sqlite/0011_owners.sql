CREATE TABLE `package_binary` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`name` text NOT NULL,
	`package_id` integer NOT NULL,
	`since` integer NOT NULL,
	`given_by` text NOT NULL,
	`offered_to` integer,
	`offered_by` text,
	`offer_reason` text
);
--> statement-breakpoint
CREATE UNIQUE INDEX `package_binary_name` ON `package_binary` (`name`);--> statement-breakpoint
CREATE INDEX `package_binary_package` ON `package_binary` (`package_id`,`name`);--> statement-breakpoint
CREATE INDEX `package_binary_offered` ON `package_binary` (`offered_to`);--> statement-breakpoint
CREATE TABLE `package_owner` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`package_id` integer NOT NULL,
	`person_id` integer,
	`group_id` integer,
	`role` text NOT NULL,
	`since` integer NOT NULL,
	`given_by` text NOT NULL,
	`ended_at` integer,
	`ended_by` text
);
--> statement-breakpoint
CREATE UNIQUE INDEX `package_owner_person` ON `package_owner` (`package_id`,`person_id`) WHERE ended_at is null and person_id is not null;--> statement-breakpoint
CREATE UNIQUE INDEX `package_owner_group` ON `package_owner` (`package_id`,`group_id`) WHERE ended_at is null and group_id is not null;--> statement-breakpoint
CREATE INDEX `package_owner_of_person` ON `package_owner` (`person_id`);--> statement-breakpoint
CREATE INDEX `package_owner_of_group` ON `package_owner` (`group_id`);--> statement-breakpoint
CREATE TABLE `package_request` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`name` text NOT NULL,
	`person_id` integer NOT NULL,
	`role` text NOT NULL,
	`reason` text NOT NULL,
	`asked_at` integer NOT NULL,
	`state` text NOT NULL,
	`decided_by` text,
	`decided_at` integer,
	`decision_reason` text
);
--> statement-breakpoint
CREATE UNIQUE INDEX `package_request_open` ON `package_request` (`name`,`person_id`) WHERE state = 'open';--> statement-breakpoint
CREATE INDEX `package_request_person` ON `package_request` (`person_id`);--> statement-breakpoint
CREATE INDEX `package_request_state` ON `package_request` (`state`,`id`);--> statement-breakpoint
CREATE INDEX `upstream_package_any` ON `upstream_package` (`name`);--> statement-breakpoint
-- Names that upstream or the distribution itself ships go to the administrators, as those that nobody brought; others stay with whoever did.
INSERT INTO "package_owner" ("package_id", "person_id", "role", "since", "given_by", "ended_at", "ended_by")
	SELECT "p"."id", "p"."owner_id", 'owner', "p"."created_at", 'system:migration',
		CASE WHEN coalesce("p"."source" = '{"kind":"content"}', false) OR "p"."name" IN (SELECT "name" FROM "upstream_package") THEN unixepoch() * 1000 END,
		CASE WHEN coalesce("p"."source" = '{"kind":"content"}', false) OR "p"."name" IN (SELECT "name" FROM "upstream_package") THEN 'system:migration' END
	FROM "package" AS "p" WHERE "p"."owner_id" IS NOT NULL;
--> statement-breakpoint
INSERT INTO "package_owner" ("package_id", "group_id", "role", "since", "given_by")
	SELECT "p"."id", "g"."id", 'owner', "p"."created_at", 'system:migration'
	FROM "package" AS "p" INNER JOIN "people_group" AS "g" ON "g"."role" = 'admin'
	WHERE "p"."id" NOT IN (SELECT "package_id" FROM "package_owner" WHERE "ended_at" IS NULL);
--> statement-breakpoint
-- A binary package's name belongs to the package that was first to make it.
INSERT INTO "package_binary" ("name", "package_id", "since", "given_by")
	SELECT "r"."name", "b"."package_id", "b"."created_at", 'system:migration'
	FROM (SELECT "name", min("build_id") AS "build_id" FROM "rpm" WHERE "arch" <> 'src' GROUP BY "name") AS "r"
	INNER JOIN "build" AS "b" ON "b"."id" = "r"."build_id";
--> statement-breakpoint
ALTER TABLE `package` DROP COLUMN `owner_id`;
