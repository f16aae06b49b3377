-- How deliveries are signed, written and wrapped where a configuration departs from its wire profile, and when it is called.
ALTER TABLE callback_configurations
    -- Schemes as in the API: a name, or {"scheme", "header"}. NULL: the profile's.
    ADD COLUMN signature_schemes    jsonb,
    ADD COLUMN body_format          text,
    ADD COLUMN envelope             text,
    ADD COLUMN phase                text NOT NULL DEFAULT 'AFTER' CHECK (phase IN ('AFTER', 'BEFORE')),
    ADD COLUMN on_error             text NOT NULL DEFAULT 'PROCEED' CHECK (on_error IN ('PROCEED', 'CANCEL')),
    -- Ed25519 private keys, encrypted, made by the service for configurations that sign with one.
    ADD COLUMN signing_key          text,
    -- Signs beside the current key until previous_secret_expires_at.
    ADD COLUMN previous_signing_key text;
