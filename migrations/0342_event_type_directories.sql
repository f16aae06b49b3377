-- The intake checks events against the catalogue in memory: a change of it is a change of the tenant's directory.
CREATE TRIGGER event_types_inserted AFTER INSERT ON event_types
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION touch_changed_directories();
CREATE TRIGGER event_types_updated AFTER UPDATE ON event_types
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION touch_changed_directories();
CREATE TRIGGER event_types_deleted AFTER DELETE ON event_types
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION touch_changed_directories();

CREATE TRIGGER event_type_enforcement_inserted AFTER INSERT ON event_type_enforcement
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION touch_changed_directories();
CREATE TRIGGER event_type_enforcement_updated AFTER UPDATE ON event_type_enforcement
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION touch_changed_directories();
CREATE TRIGGER event_type_enforcement_deleted AFTER DELETE ON event_type_enforcement
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION touch_changed_directories();
