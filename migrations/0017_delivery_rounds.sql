-- A delivery that is replayed gets a fresh set of attempts while their numbers go on counting: how many were made before
-- this round.
ALTER TABLE delivery_queue ADD COLUMN attempts_before smallint NOT NULL DEFAULT 0;
