-- Encrypting a secret anew changes nothing anybody has to hear of: with callbacks.resealing = 'on' (for one transaction)
-- a change of configurations and subscriptions makes no replica load anything again.
CREATE OR REPLACE FUNCTION touch_changed_directories() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('callbacks.resealing', true) = 'on' THEN
        RETURN NULL;
    END IF;
    PERFORM touch_directory(tenant_id)
    FROM (SELECT DISTINCT tenant_id FROM changed ORDER BY tenant_id) AS tenants;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION notify_subscription_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('callbacks.resealing', true) = 'on' THEN
        RETURN NULL;
    END IF;
    PERFORM pg_notify('callbacks_subscriptions', coalesce(NEW.tenant_id, OLD.tenant_id));
    RETURN NULL;
END
$$;
