DROP INDEX "package_binary_offered";--> statement-breakpoint
DROP INDEX "task_parent";--> statement-breakpoint
CREATE INDEX "build_name" ON "build" USING btree ("name","id");--> statement-breakpoint
CREATE INDEX "build_owner" ON "build" USING btree ("owner_id","id");--> statement-breakpoint
CREATE INDEX "build_target" ON "build" USING btree ("target","id");--> statement-breakpoint
CREATE INDEX "tag_build_of_package" ON "tag_build" USING btree ("package_id") WHERE removed_by_change is null;--> statement-breakpoint
CREATE INDEX "image_offered" ON "image" USING btree ("compose_id","id") WHERE published_at is not null and withdrawn_at is null;--> statement-breakpoint
CREATE INDEX "mail_waiting" ON "mail" USING btree ("not_before") WHERE sent_at is null;--> statement-breakpoint
CREATE INDEX "package_owner_of_package" ON "package_owner" USING btree ("package_id");--> statement-breakpoint
CREATE INDEX "task_state" ON "task" USING btree ("state","id");--> statement-breakpoint
CREATE INDEX "task_method" ON "task" USING btree ("method","id");--> statement-breakpoint
CREATE INDEX "task_owner" ON "task" USING btree ("owner_id","id");--> statement-breakpoint
CREATE INDEX "task_top" ON "task" USING btree ("parent_id","state","id");--> statement-breakpoint
CREATE INDEX "task_due" ON "task" USING btree ("state","not_before");--> statement-breakpoint
CREATE INDEX "update_of_release" ON "update_" USING btree ("release","id");--> statement-breakpoint
CREATE INDEX "update_type" ON "update_" USING btree ("type","id");--> statement-breakpoint
CREATE INDEX "update_submitter" ON "update_" USING btree ("submitter_id","id");--> statement-breakpoint
CREATE INDEX "package_binary_offered" ON "package_binary" USING btree ("offered_to","name");--> statement-breakpoint
CREATE INDEX "task_parent" ON "task" USING btree ("parent_id","id");