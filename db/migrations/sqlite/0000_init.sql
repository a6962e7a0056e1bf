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
