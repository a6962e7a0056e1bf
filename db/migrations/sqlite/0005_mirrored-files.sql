CREATE TABLE `mirrored_file` (
	`path` text PRIMARY KEY NOT NULL,
	`host_ids` text NOT NULL,
	`looked_at` integer NOT NULL
);
