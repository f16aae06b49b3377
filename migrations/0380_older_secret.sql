-- A second rotation before the first one's day is over: what it would have pushed out goes on signing until its own time.
ALTER TABLE callback_configurations
    ADD COLUMN older_secret            text,
    ADD COLUMN older_secret_expires_at timestamptz,
    -- Signs beside the others until older_secret_expires_at.
    ADD COLUMN older_signing_key       text;
