CREATE TABLE "mirrored_file" (
	"path" text PRIMARY KEY NOT NULL,
	"host_ids" jsonb NOT NULL,
	"looked_at" bigint NOT NULL
);
