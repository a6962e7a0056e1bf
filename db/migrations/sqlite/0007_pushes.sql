CREATE TABLE `advisory_reservation` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`update_alias` text NOT NULL,
	`year` integer NOT NULL,
	`sequence` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `advisory_reservation_update` ON `advisory_reservation` (`update_alias`);--> statement-breakpoint
CREATE UNIQUE INDEX `advisory_reservation_sequence` ON `advisory_reservation` (`year`,`sequence`);--> statement-breakpoint
CREATE TABLE `push_content` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`push_id` integer NOT NULL,
	`repository_id` integer NOT NULL,
	`rpm_id` integer NOT NULL,
	`action` text NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `push_content_one` ON `push_content` (`push_id`,`repository_id`,`rpm_id`);--> statement-breakpoint
CREATE INDEX `push_content_rpm` ON `push_content` (`repository_id`,`rpm_id`);--> statement-breakpoint
CREATE TABLE `repository_rpm` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`repository_id` integer NOT NULL,
	`rpm_id` integer NOT NULL,
	`from_generation` integer NOT NULL,
	`to_generation` integer,
	`leaving` integer DEFAULT false NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `repository_rpm_live` ON `repository_rpm` (`repository_id`,`rpm_id`) WHERE to_generation is null;--> statement-breakpoint
CREATE INDEX `repository_rpm_left` ON `repository_rpm` (`repository_id`,`to_generation`,`id`);--> statement-breakpoint
CREATE INDEX `repository_rpm_rpm` ON `repository_rpm` (`rpm_id`);--> statement-breakpoint
CREATE TABLE `push_change` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`push_id` integer NOT NULL,
	`tag` text NOT NULL,
	`build_id` integer NOT NULL,
	`action` text NOT NULL,
	`tag_change_id` integer
);
--> statement-breakpoint
CREATE INDEX `push_change_push` ON `push_change` (`push_id`,`id`);--> statement-breakpoint
ALTER TABLE `rpm` ADD `unreadable` text;--> statement-breakpoint
ALTER TABLE `tag_change` ADD `push_id` integer;--> statement-breakpoint
CREATE INDEX `tag_change_unpublished` ON `tag_change` (`tag_id`) WHERE push_id is null;--> statement-breakpoint
ALTER TABLE `generation` ADD `packages` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `generation` ADD `attempt` text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE `repository` ADD `placement` text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE `push` ADD `planned_at` integer;--> statement-breakpoint
ALTER TABLE `push` ADD `published_at` integer;--> statement-breakpoint
CREATE UNIQUE INDEX `push_running` ON `push` (`release`) WHERE state = 'running';--> statement-breakpoint
ALTER TABLE `update_` ADD `reboot_suggested` integer DEFAULT false NOT NULL;--> statement-breakpoint
INSERT INTO "advisory_reservation" ("update_alias", "year", "sequence")
SELECT "update_alias", "year", "sequence" FROM "advisory" ORDER BY "id";
--> statement-breakpoint
UPDATE "tag_change" SET "push_id" = 0;
--> statement-breakpoint
UPDATE "generation" SET "packages" = json_array_length("rpm_ids");
--> statement-breakpoint
INSERT INTO "repository_rpm" ("repository_id", "rpm_id", "from_generation", "to_generation")
SELECT "held"."repository_id", "held"."rpm_id", "held"."first_in",
	CASE WHEN "held"."last_in" >= "repository"."generation_id" THEN NULL ELSE (
		SELECT min("later"."id") FROM "generation" AS "later"
		WHERE "later"."repository_id" = "held"."repository_id" AND "later"."published_at" IS NOT NULL
			AND "later"."id" > "held"."last_in") END
FROM (
	SELECT "g"."repository_id", "j"."value" AS "rpm_id", min("g"."id") AS "first_in", max("g"."id") AS "last_in"
	FROM "generation" AS "g" INNER JOIN "repository" AS "r" ON "r"."id" = "g"."repository_id"
	CROSS JOIN json_each("g"."rpm_ids") AS "j"
	WHERE "g"."published_at" IS NOT NULL AND ("g"."id" = "r"."generation_id"
		OR "g"."published_at" >= (SELECT max("published_at") - 172800000 FROM "generation"))
	GROUP BY 1, 2
) AS "held" INNER JOIN "repository" ON "repository"."id" = "held"."repository_id";
--> statement-breakpoint
UPDATE "push" SET "published_at" = "ended_at" WHERE "state" = 'done';
--> statement-breakpoint
UPDATE "push" SET "state" = 'done', "published_at" = "created_at", "ended_at" = "created_at"
WHERE "state" = 'running' AND "step" = 'settle';
--> statement-breakpoint
UPDATE "push" SET "step" = 'gate' WHERE "state" = 'running';
