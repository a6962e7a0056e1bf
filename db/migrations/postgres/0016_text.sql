CREATE TABLE "rendered_text" (
	"digest" text PRIMARY KEY NOT NULL,
	"version" bigint NOT NULL,
	"html" text NOT NULL,
	"rendered_at" bigint NOT NULL
);
--> statement-breakpoint
ALTER TABLE "comment" ADD COLUMN "hidden_at" bigint;--> statement-breakpoint
ALTER TABLE "comment" ADD COLUMN "hidden_by" text;--> statement-breakpoint
ALTER TABLE "comment" ADD COLUMN "hidden_reason" text;