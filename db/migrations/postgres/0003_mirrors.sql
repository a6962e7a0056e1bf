CREATE TABLE "mirror_arrival" (
	"push_id" bigint NOT NULL,
	"host_id" bigint NOT NULL,
	"seen_at" bigint NOT NULL,
	CONSTRAINT "mirror_arrival_push_id_host_id_pk" PRIMARY KEY("push_id","host_id")
);
--> statement-breakpoint
ALTER TABLE "mirror_url" ADD COLUMN "listed" boolean DEFAULT true NOT NULL;--> statement-breakpoint
ALTER TABLE "mirror_url" ADD COLUMN "outcome" text;--> statement-breakpoint
ALTER TABLE "mirror_url" ADD COLUMN "reason" jsonb;--> statement-breakpoint
ALTER TABLE "mirror_url" ADD COLUMN "failures" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "mirror_url" ADD COLUMN "failing_since" bigint;--> statement-breakpoint
ALTER TABLE "mirror_url" ADD COLUMN "checked_at" bigint;--> statement-breakpoint
ALTER TABLE "mirror_url" ADD COLUMN "fresh_at" bigint;--> statement-breakpoint
CREATE INDEX "mirror_arrival_host" ON "mirror_arrival" USING btree ("host_id","seen_at");