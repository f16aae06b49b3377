-- Row-level security on everything that belongs to a tenant.
SELECT protect_tenant_rows('callback_configurations');
SELECT protect_tenant_rows('configuration_state');
SELECT protect_tenant_rows('authorized_domains');
SELECT protect_tenant_rows('domain_totals');
SELECT protect_tenant_rows('event_subscriptions');
SELECT protect_tenant_rows('directory_versions');
SELECT protect_tenant_rows('events');
SELECT protect_tenant_rows('event_ids');
SELECT protect_tenant_rows('callback_executions');
SELECT protect_tenant_rows('delivery_queue');
SELECT protect_tenant_rows('idempotency_keys');
SELECT protect_tenant_rows('quarantined_messages');
SELECT protect_tenant_rows('callbacks.outbox');
SELECT protect_tenant_rows('api_keys');
SELECT protect_tenant_rows('tenants', 'id = nullif(current_setting(''callbacks.tenant'', true), '''')');
SELECT protect_tenant_rows('audit_log');
SELECT protect_tenant_rows('audit_heads');
-- A report belongs to whoever owns the subscription; which those are, row-level security says itself.
SELECT protect_tenant_rows('subscription_consumers',
    'EXISTS (SELECT FROM event_subscriptions s WHERE s.id = subscription_id)');

-- Nobody changes what was told.
REVOKE UPDATE, DELETE ON audit_log FROM callbacks_engine, callbacks_api;

-- What belongs to no tenant is the engine's.
GRANT SELECT, INSERT, UPDATE, DELETE ON workers, intake_batches, access_version TO callbacks_engine;
GRANT USAGE ON SEQUENCE directory_version_numbers TO callbacks_engine, callbacks_api;
GRANT USAGE ON SCHEMA callbacks TO callbacks_engine;
DO $$
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO callbacks_engine, callbacks_api', current_schema());
END
$$;
-- Keys and tenants are operators' business.
REVOKE INSERT, UPDATE, DELETE ON api_keys, tenants FROM callbacks_api;
