-- Tells every replica that a tenant's broker subscriptions changed. Counters are written with triggers' columns
-- left out, so receiving messages does not notify.
CREATE FUNCTION notify_subscription_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('callbacks_subscriptions', coalesce(NEW.tenant_id, OLD.tenant_id));
    RETURN NULL;
END
$$;

CREATE TRIGGER event_subscriptions_inserted_or_deleted AFTER INSERT OR DELETE ON event_subscriptions
    FOR EACH ROW EXECUTE FUNCTION notify_subscription_change();
CREATE TRIGGER event_subscriptions_updated
    AFTER UPDATE OF name, messaging_system_type, connection_config, topic_or_queue, consumer_group_id, active,
        consumer_properties, event_type_patterns, max_concurrent_consumers, polling_interval_ms
    ON event_subscriptions FOR EACH ROW EXECUTE FUNCTION notify_subscription_change();
