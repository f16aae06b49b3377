-- Callbacks a minute the endpoint itself granted in the CloudEvents handshake; NULL = it named none.
ALTER TABLE authorized_domains ADD COLUMN granted_per_minute integer CHECK (granted_per_minute > 0);
