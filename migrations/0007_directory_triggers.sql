-- Every change of a configuration or domain, by whatever path, touches its tenant's directory.
CREATE FUNCTION touch_changed_directories() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM touch_directory(tenant_id)
    FROM (SELECT DISTINCT tenant_id FROM changed ORDER BY tenant_id) AS tenants;
    RETURN NULL;
END
$$;

CREATE TRIGGER callback_configurations_inserted AFTER INSERT ON callback_configurations
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION touch_changed_directories();
CREATE TRIGGER callback_configurations_updated AFTER UPDATE ON callback_configurations
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION touch_changed_directories();
CREATE TRIGGER callback_configurations_deleted AFTER DELETE ON callback_configurations
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION touch_changed_directories();

CREATE TRIGGER authorized_domains_inserted AFTER INSERT ON authorized_domains
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION touch_changed_directories();
CREATE TRIGGER authorized_domains_updated AFTER UPDATE ON authorized_domains
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION touch_changed_directories();
CREATE TRIGGER authorized_domains_deleted AFTER DELETE ON authorized_domains
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION touch_changed_directories();
