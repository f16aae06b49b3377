-- Configurations whose deliveries are built, signed and recorded, and never sent.
ALTER TABLE callback_configurations ADD COLUMN dry_run boolean NOT NULL DEFAULT false;
