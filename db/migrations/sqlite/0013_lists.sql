DROP INDEX `package_binary_offered`;--> statement-breakpoint
CREATE INDEX `package_binary_offered` ON `package_binary` (`offered_to`,`name`);--> statement-breakpoint
DROP INDEX `task_parent`;--> statement-breakpoint
CREATE INDEX `task_state` ON `task` (`state`,`id`);--> statement-breakpoint
CREATE INDEX `task_method` ON `task` (`method`,`id`);--> statement-breakpoint
CREATE INDEX `task_owner` ON `task` (`owner_id`,`id`);--> statement-breakpoint
CREATE INDEX `task_top` ON `task` (`parent_id`,`state`,`id`);--> statement-breakpoint
CREATE INDEX `task_due` ON `task` (`state`,`not_before`);--> statement-breakpoint
CREATE INDEX `task_parent` ON `task` (`parent_id`,`id`);--> statement-breakpoint
CREATE INDEX `build_name` ON `build` (`name`,`id`);--> statement-breakpoint
CREATE INDEX `build_owner` ON `build` (`owner_id`,`id`);--> statement-breakpoint
CREATE INDEX `build_target` ON `build` (`target`,`id`);--> statement-breakpoint
CREATE INDEX `tag_build_of_package` ON `tag_build` (`package_id`) WHERE removed_by_change is null;--> statement-breakpoint
CREATE INDEX `image_offered` ON `image` (`compose_id`,`id`) WHERE published_at is not null and withdrawn_at is null;--> statement-breakpoint
CREATE INDEX `mail_waiting` ON `mail` (`not_before`) WHERE sent_at is null;--> statement-breakpoint
CREATE INDEX `package_owner_of_package` ON `package_owner` (`package_id`);--> statement-breakpoint
CREATE INDEX `update_of_release` ON `update_` (`release`,`id`);--> statement-breakpoint
CREATE INDEX `update_type` ON `update_` (`type`,`id`);--> statement-breakpoint
CREATE INDEX `update_submitter` ON `update_` (`submitter_id`,`id`);