ALTER TABLE "mirror_check" ADD COLUMN "protocol" text DEFAULT 'http' NOT NULL;--> statement-breakpoint
ALTER TABLE "mirror_host" ADD COLUMN "crawled_at" bigint;