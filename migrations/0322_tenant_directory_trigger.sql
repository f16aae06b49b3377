-- A change of what a tenant may reach takes effect as soon as a change of its domains does.
CREATE TRIGGER tenants_reach_changed AFTER UPDATE OF domain_policy, allowed_networks ON tenants
    FOR EACH ROW EXECUTE FUNCTION touch_tenant_directory();
