CREATE TABLE `api_token` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`person_id` integer NOT NULL,
	`name` text NOT NULL,
	`token_hash` text NOT NULL,
	`scopes` text NOT NULL,
	`created_at` integer NOT NULL,
	`last_used_at` integer,
	`expires_at` integer
);
--> statement-breakpoint
CREATE UNIQUE INDEX `api_token_hash` ON `api_token` (`token_hash`);--> statement-breakpoint
CREATE INDEX `api_token_person` ON `api_token` (`person_id`);--> statement-breakpoint
CREATE TABLE `link` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`token_hash` text NOT NULL,
	`purpose` text NOT NULL,
	`person_id` integer,
	`created_at` integer NOT NULL,
	`expires_at` integer NOT NULL,
	`used_at` integer
);
--> statement-breakpoint
CREATE UNIQUE INDEX `link_hash` ON `link` (`token_hash`);--> statement-breakpoint
CREATE INDEX `link_person` ON `link` (`person_id`);--> statement-breakpoint
CREATE INDEX `link_expires` ON `link` (`expires_at`);--> statement-breakpoint
CREATE TABLE `person` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`username` text NOT NULL,
	`display_name` text DEFAULT '' NOT NULL,
	`email` text NOT NULL,
	`email_key` text,
	`password_hash` text NOT NULL,
	`created_at` integer NOT NULL,
	`verified_at` integer
);
--> statement-breakpoint
CREATE UNIQUE INDEX `person_username` ON `person` (`username`);--> statement-breakpoint
CREATE UNIQUE INDEX `person_email_key` ON `person` (`email_key`);--> statement-breakpoint
CREATE INDEX `person_unverified` ON `person` (`verified_at`,`created_at`);--> statement-breakpoint
CREATE TABLE `person_role` (
	`person_id` integer NOT NULL,
	`role` text NOT NULL,
	`granted_by` text NOT NULL,
	`granted_at` integer NOT NULL,
	PRIMARY KEY(`person_id`, `role`)
);
--> statement-breakpoint
CREATE INDEX `person_role_role` ON `person_role` (`role`);--> statement-breakpoint
CREATE TABLE `rate_limit` (
	`key` text PRIMARY KEY NOT NULL,
	`count` integer NOT NULL,
	`window_ends_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `rate_limit_end` ON `rate_limit` (`window_ends_at`);--> statement-breakpoint
CREATE TABLE `session` (
	`id` text PRIMARY KEY NOT NULL,
	`person_id` integer NOT NULL,
	`created_at` integer NOT NULL,
	`expires_at` integer NOT NULL,
	`agent` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `session_person` ON `session` (`person_id`);--> statement-breakpoint
CREATE INDEX `session_expires` ON `session` (`expires_at`);--> statement-breakpoint
CREATE TABLE `build` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`package_id` integer NOT NULL,
	`name` text NOT NULL,
	`epoch` integer NOT NULL,
	`version` text NOT NULL,
	`release` text NOT NULL,
	`nvr` text NOT NULL,
	`state` integer NOT NULL,
	`task_id` integer NOT NULL,
	`target` text NOT NULL,
	`source` text NOT NULL,
	`owner_id` integer,
	`bootstrap` integer DEFAULT false NOT NULL,
	`summary` text DEFAULT '' NOT NULL,
	`description` text DEFAULT '' NOT NULL,
	`reason` text,
	`created_at` integer NOT NULL,
	`completed_at` integer
);
--> statement-breakpoint
CREATE UNIQUE INDEX `build_nvr` ON `build` (`nvr`);--> statement-breakpoint
CREATE INDEX `build_package` ON `build` (`package_id`,`id`);--> statement-breakpoint
CREATE INDEX `build_state` ON `build` (`state`,`id`);--> statement-breakpoint
CREATE INDEX `build_task` ON `build` (`task_id`);--> statement-breakpoint
CREATE TABLE `package` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`name` text NOT NULL,
	`summary` text DEFAULT '' NOT NULL,
	`source` text,
	`owner_id` integer,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `package_name` ON `package` (`name`);--> statement-breakpoint
CREATE TABLE `rpm` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`build_id` integer NOT NULL,
	`filename` text NOT NULL,
	`name` text NOT NULL,
	`epoch` integer NOT NULL,
	`version` text NOT NULL,
	`release` text NOT NULL,
	`arch` text NOT NULL,
	`sha256` text NOT NULL,
	`size_bytes` integer NOT NULL,
	`unsigned_sha256` text NOT NULL,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `rpm_filename` ON `rpm` (`filename`);--> statement-breakpoint
CREATE INDEX `rpm_build` ON `rpm` (`build_id`);--> statement-breakpoint
CREATE TABLE `tag` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`name` text NOT NULL,
	`release` text NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `tag_name` ON `tag` (`name`);--> statement-breakpoint
CREATE TABLE `tag_build` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`tag_id` integer NOT NULL,
	`build_id` integer NOT NULL,
	`package_id` integer NOT NULL,
	`added_by_change` integer NOT NULL,
	`removed_by_change` integer
);
--> statement-breakpoint
CREATE UNIQUE INDEX `tag_build_live` ON `tag_build` (`tag_id`,`build_id`) WHERE removed_by_change is null;--> statement-breakpoint
CREATE INDEX `tag_build_build` ON `tag_build` (`build_id`);--> statement-breakpoint
CREATE INDEX `tag_build_package` ON `tag_build` (`tag_id`,`package_id`);--> statement-breakpoint
CREATE TABLE `tag_change` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`tag_id` integer NOT NULL,
	`build_id` integer NOT NULL,
	`action` text NOT NULL,
	`actor` text NOT NULL,
	`at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `tag_change_tag` ON `tag_change` (`tag_id`,`id`);--> statement-breakpoint
CREATE TABLE `tag_inheritance` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`tag_id` integer NOT NULL,
	`parent_id` integer NOT NULL,
	`priority` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `tag_inheritance_pair` ON `tag_inheritance` (`tag_id`,`parent_id`);--> statement-breakpoint
CREATE TABLE `target` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`name` text NOT NULL,
	`release` text NOT NULL,
	`build_tag` text NOT NULL,
	`destination_tag` text NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `target_name` ON `target` (`name`);--> statement-breakpoint
CREATE TABLE `release` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`name` text NOT NULL,
	`version` text NOT NULL,
	`state` text NOT NULL,
	`created_at` integer NOT NULL,
	`state_since` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `release_name` ON `release` (`name`);--> statement-breakpoint
CREATE TABLE `advisory` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`number` text NOT NULL,
	`year` integer NOT NULL,
	`sequence` integer NOT NULL,
	`update_alias` text NOT NULL,
	`release` text NOT NULL,
	`type` text NOT NULL,
	`severity` text NOT NULL,
	`title` text NOT NULL,
	`summary` text NOT NULL,
	`description` text NOT NULL,
	`references` text NOT NULL,
	`build_ids` text NOT NULL,
	`reboot_suggested` integer DEFAULT 0 NOT NULL,
	`issued_at` integer NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `advisory_number` ON `advisory` (`number`);--> statement-breakpoint
CREATE UNIQUE INDEX `advisory_update` ON `advisory` (`update_alias`);--> statement-breakpoint
CREATE UNIQUE INDEX `advisory_sequence` ON `advisory` (`year`,`sequence`);--> statement-breakpoint
CREATE INDEX `advisory_release` ON `advisory` (`release`,`id`);--> statement-breakpoint
CREATE TABLE `audit_entry` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`at` integer NOT NULL,
	`actor` text NOT NULL,
	`person_id` integer,
	`action` text NOT NULL,
	`subject` text NOT NULL,
	`reason` text,
	`details` text NOT NULL,
	`request_id` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `audit_person` ON `audit_entry` (`person_id`,`id`);--> statement-breakpoint
CREATE INDEX `audit_subject` ON `audit_entry` (`subject`,`id`);--> statement-breakpoint
CREATE TABLE `event` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`type` text NOT NULL,
	`subject` text NOT NULL,
	`payload` text NOT NULL,
	`actor` text NOT NULL,
	`at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `event_subject` ON `event` (`subject`,`id`);--> statement-breakpoint
CREATE TABLE `mail` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`to` text NOT NULL,
	`subject` text NOT NULL,
	`body` text NOT NULL,
	`message_id` text NOT NULL,
	`in_reply_to` text,
	`created_at` integer NOT NULL,
	`not_before` integer NOT NULL,
	`sent_at` integer,
	`attempts` integer DEFAULT 0 NOT NULL,
	`error` text
);
--> statement-breakpoint
CREATE INDEX `mail_due` ON `mail` (`sent_at`,`not_before`);--> statement-breakpoint
CREATE TABLE `subscription` (
	`name` text PRIMARY KEY NOT NULL,
	`last_event_id` integer NOT NULL
);
--> statement-breakpoint
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
	`protocol` text DEFAULT 'http' NOT NULL,
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
	`crawled_at` integer,
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
CREATE UNIQUE INDEX `mirror_url_pair` ON `mirror_url` (`host_id`,`protocol`);--> statement-breakpoint
CREATE TABLE `generation` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`repository_id` integer NOT NULL,
	`timestamp_s` integer NOT NULL,
	`size_bytes` integer NOT NULL,
	`hashes` text NOT NULL,
	`files` text NOT NULL,
	`rpm_ids` text NOT NULL,
	`push_id` integer NOT NULL,
	`created_at` integer NOT NULL,
	`published_at` integer
);
--> statement-breakpoint
CREATE INDEX `generation_repository` ON `generation` (`repository_id`,`id`);--> statement-breakpoint
CREATE UNIQUE INDEX `generation_push` ON `generation` (`push_id`,`repository_id`);--> statement-breakpoint
CREATE TABLE `repository` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`name` text NOT NULL,
	`arch` text NOT NULL,
	`path` text NOT NULL,
	`release` text NOT NULL,
	`stage` text NOT NULL,
	`generation_id` integer DEFAULT 0 NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `repository_name` ON `repository` (`name`,`arch`);--> statement-breakpoint
CREATE UNIQUE INDEX `repository_path` ON `repository` (`path`);--> statement-breakpoint
CREATE TABLE `builder` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`name` text NOT NULL,
	`token_hash` text NOT NULL,
	`enabled` integer DEFAULT true NOT NULL,
	`arches` text NOT NULL,
	`channels` text NOT NULL,
	`drivers` text NOT NULL,
	`missing` text NOT NULL,
	`capacity` integer DEFAULT 0 NOT NULL,
	`version` text DEFAULT '' NOT NULL,
	`created_at` integer NOT NULL,
	`last_seen_at` integer
);
--> statement-breakpoint
CREATE UNIQUE INDEX `builder_name` ON `builder` (`name`);--> statement-breakpoint
CREATE UNIQUE INDEX `builder_token` ON `builder` (`token_hash`);--> statement-breakpoint
CREATE TABLE `program` (
	`name` text PRIMARY KEY NOT NULL,
	`kind` text NOT NULL,
	`started_at` integer NOT NULL,
	`last_seen_at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `task` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`parent_id` integer,
	`method` text NOT NULL,
	`label` text NOT NULL,
	`payload` text NOT NULL,
	`arch` text NOT NULL,
	`channel` text NOT NULL,
	`priority` integer NOT NULL,
	`state` integer NOT NULL,
	`waiting` integer DEFAULT false NOT NULL,
	`attempts` integer DEFAULT 0 NOT NULL,
	`max_attempts` integer NOT NULL,
	`lease` text,
	`lease_until` integer,
	`claimed_by` text,
	`progress` text,
	`result` text,
	`reason` text,
	`highlights` text,
	`unique_key` text,
	`owner_id` integer,
	`created_at` integer NOT NULL,
	`not_before` integer NOT NULL,
	`started_at` integer,
	`ended_at` integer
);
--> statement-breakpoint
CREATE INDEX `task_queue` ON `task` (`state`,`channel`,`arch`,`priority`,`id`);--> statement-breakpoint
CREATE INDEX `task_lease` ON `task` (`state`,`lease_until`);--> statement-breakpoint
CREATE INDEX `task_parent` ON `task` (`parent_id`);--> statement-breakpoint
CREATE UNIQUE INDEX `task_unique_key` ON `task` (`unique_key`) WHERE unique_key is not null;--> statement-breakpoint
CREATE TABLE `build_override` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`build_id` integer NOT NULL,
	`nvr` text NOT NULL,
	`release` text NOT NULL,
	`notes` text NOT NULL,
	`person_id` integer,
	`author` text NOT NULL,
	`created_at` integer NOT NULL,
	`expires_at` integer NOT NULL,
	`expired_at` integer
);
--> statement-breakpoint
CREATE UNIQUE INDEX `build_override_build` ON `build_override` (`build_id`);--> statement-breakpoint
CREATE TABLE `comment` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`update_id` integer NOT NULL,
	`revision` integer NOT NULL,
	`person_id` integer,
	`author` text NOT NULL,
	`text` text NOT NULL,
	`karma` integer,
	`at` integer NOT NULL,
	`edited_at` integer
);
--> statement-breakpoint
CREATE INDEX `comment_update` ON `comment` (`update_id`,`id`);--> statement-breakpoint
CREATE TABLE `gate_result` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`update_id` integer NOT NULL,
	`revision` integer NOT NULL,
	`check` text NOT NULL,
	`passed` integer NOT NULL,
	`required` integer NOT NULL,
	`message` text NOT NULL,
	`at` integer NOT NULL,
	`waived_by` text,
	`waived_reason` text
);
--> statement-breakpoint
CREATE UNIQUE INDEX `gate_result_check` ON `gate_result` (`update_id`,`revision`,`check`);--> statement-breakpoint
CREATE TABLE `push` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`release` text NOT NULL,
	`state` text NOT NULL,
	`step` text NOT NULL,
	`task_id` integer NOT NULL,
	`notes` text NOT NULL,
	`created_at` integer NOT NULL,
	`ended_at` integer
);
--> statement-breakpoint
CREATE INDEX `push_release` ON `push` (`release`,`id`);--> statement-breakpoint
CREATE TABLE `push_update` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`push_id` integer NOT NULL,
	`update_id` integer NOT NULL,
	`request` text NOT NULL,
	`ejected` text
);
--> statement-breakpoint
CREATE UNIQUE INDEX `push_update_pair` ON `push_update` (`push_id`,`update_id`);--> statement-breakpoint
CREATE INDEX `push_update_update` ON `push_update` (`update_id`);--> statement-breakpoint
CREATE TABLE `update_` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`alias` text NOT NULL,
	`release` text NOT NULL,
	`title` text NOT NULL,
	`notes` text NOT NULL,
	`type` text NOT NULL,
	`severity` text NOT NULL,
	`status` text NOT NULL,
	`request` text,
	`submitter_id` integer NOT NULL,
	`submitter` text NOT NULL,
	`revision` integer DEFAULT 1 NOT NULL,
	`stable_karma` integer NOT NULL,
	`unstable_karma` integer NOT NULL,
	`autokarma` integer NOT NULL,
	`autotime` integer NOT NULL,
	`autopush_stopped_at` integer,
	`require_bugs` integer NOT NULL,
	`require_testcases` integer NOT NULL,
	`critical` integer NOT NULL,
	`push_id` integer,
	`ejected` text,
	`obsoleted_by` text,
	`upstream_advisory` text,
	`created_at` integer NOT NULL,
	`modified_at` integer NOT NULL,
	`testing_at` integer,
	`stable_at` integer
);
--> statement-breakpoint
CREATE UNIQUE INDEX `update_alias` ON `update_` (`alias`);--> statement-breakpoint
CREATE INDEX `update_status` ON `update_` (`status`,`id`);--> statement-breakpoint
CREATE INDEX `update_request` ON `update_` (`request`,`push_id`);--> statement-breakpoint
CREATE INDEX `update_release` ON `update_` (`release`,`status`,`id`);--> statement-breakpoint
CREATE TABLE `update_bug` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`update_id` integer NOT NULL,
	`url` text NOT NULL,
	`number` text NOT NULL,
	`title` text NOT NULL,
	`required` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `update_bug_url` ON `update_bug` (`update_id`,`url`);--> statement-breakpoint
CREATE TABLE `update_build` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`update_id` integer NOT NULL,
	`build_id` integer NOT NULL,
	`nvr` text NOT NULL,
	`package` text NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `update_build_pair` ON `update_build` (`update_id`,`build_id`);--> statement-breakpoint
CREATE INDEX `update_build_build` ON `update_build` (`build_id`);--> statement-breakpoint
CREATE INDEX `update_build_package` ON `update_build` (`package`);--> statement-breakpoint
CREATE TABLE `update_cve` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`update_id` integer NOT NULL,
	`cve` text NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `update_cve_pair` ON `update_cve` (`update_id`,`cve`);--> statement-breakpoint
CREATE INDEX `update_cve_cve` ON `update_cve` (`cve`);--> statement-breakpoint
CREATE TABLE `update_testcase` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`update_id` integer NOT NULL,
	`name` text NOT NULL,
	`required` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `update_testcase_name` ON `update_testcase` (`update_id`,`name`);--> statement-breakpoint
CREATE TABLE `vote` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`update_id` integer NOT NULL,
	`revision` integer NOT NULL,
	`subject` text NOT NULL,
	`person_id` integer NOT NULL,
	`username` text NOT NULL,
	`karma` integer NOT NULL,
	`at` integer NOT NULL,
	`withdrawn_at` integer
);
--> statement-breakpoint
CREATE UNIQUE INDEX `vote_one` ON `vote` (`update_id`,`revision`,`subject`,`person_id`);--> statement-breakpoint
CREATE INDEX `vote_person` ON `vote` (`person_id`,`at`);--> statement-breakpoint
CREATE TABLE `vote_history` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`vote_id` integer NOT NULL,
	`karma` integer,
	`at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `vote_history_vote` ON `vote_history` (`vote_id`);