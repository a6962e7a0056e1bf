ALTER TABLE "update_" ADD COLUMN "ask_at" bigint;--> statement-breakpoint
CREATE INDEX "update_ask" ON "update_" USING btree ("ask_at") WHERE ask_at is not null;--> statement-breakpoint
UPDATE "update_" SET "ask_at" = 0 WHERE "status" = 'testing';
