-- Credentials a configuration's requests carry, sealed like its secret.
ALTER TABLE callback_configurations ADD COLUMN endpoint_auth TEXT;
