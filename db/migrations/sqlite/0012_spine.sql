CREATE TABLE `event_aside` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`subscriber` text NOT NULL,
	`event_id` integer NOT NULL,
	`type` text NOT NULL,
	`subject` text NOT NULL,
	`payload` text NOT NULL,
	`actor` text NOT NULL,
	`at` integer NOT NULL,
	`state` text NOT NULL,
	`attempts` integer NOT NULL,
	`error` text NOT NULL,
	`failed_at` integer NOT NULL,
	`not_before` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `event_aside_one` ON `event_aside` (`subscriber`,`event_id`);--> statement-breakpoint
CREATE INDEX `event_aside_state` ON `event_aside` (`state`);--> statement-breakpoint
ALTER TABLE `update_build` ADD `live_build_id` integer;--> statement-breakpoint
CREATE UNIQUE INDEX `update_build_live` ON `update_build` (`live_build_id`);--> statement-breakpoint
CREATE INDEX `task_ended` ON `task` (`ended_at`);--> statement-breakpoint
-- Of live updates that share a build, as could be made before, the first keeps it.
UPDATE `update_build` SET `live_build_id` = `build_id` WHERE `id` IN (
	SELECT min(`b`.`id`) FROM `update_build` AS `b` INNER JOIN `update_` AS `u` ON `u`.`id` = `b`.`update_id`
	WHERE `u`.`status` IN ('pending', 'testing', 'stable') GROUP BY `b`.`build_id`
);
