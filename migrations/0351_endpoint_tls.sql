-- Certificates and key of a configuration's own, sealed like its secret.
ALTER TABLE callback_configurations ADD COLUMN endpoint_tls TEXT;
