//! The second wall: what the policies alone let through, with no predicate of the code's to help them.

use std::time::Duration;

use callbacks_interfaces::authorized_domain_draft::AuthorizedDomainDraft;
use callbacks_interfaces::event_subscription_draft::EventSubscriptionDraft;
use callbacks_interfaces::ids::ConfigurationId;
use callbacks_models::audit_log::Act;
use callbacks_models::change::tell_across_tenants;
use callbacks_models::migrate::migrate;
use callbacks_models::partitions::{DailyTable, drop_partitions_older_than_across_tenants};
use callbacks_models::store::{Store, StoreSettings};
use callbacks_models::{
    authorized_domains, callback_configurations, event_subscriptions, idempotency, partitions,
};
use serde_json::json;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, Row};

use crate::fixture::{Fixture, delivered, draft, keyring, named, object, reference, scope, tenant};

/// Tables of this schema that carry a tenant's id or hang on one that does.
const OWNED: &str = r"
    SELECT format('%I.%I', n.nspname, c.relname) AS name
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname IN ('public', 'callbacks') AND c.relkind IN ('r', 'p') AND NOT c.relispartition
      AND (c.relname IN ('tenants', 'subscription_consumers')
           OR EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id'))
    ORDER BY 1";

/// The producers' side and the tenants' own keys: only the engine may look at them at all.
const OUT_OF_REACH: [&str; 2] = ["callbacks.outbox", "public.tenant_data_keys"];

async fn texts(pool: &PgPool, sql: &'static str) -> Vec<String> {
    sqlx::query_scalar(sql).fetch_all(pool).await.expect("the catalogue answers")
}

#[sqlx::test(migrator = "callbacks_models::migrate::MIGRATOR")]
async fn every_table_with_tenants_rows_is_protected(_: PgPoolOptions, options: PgConnectOptions) {
    let fixture = Fixture::new(options).await;
    let owned = texts(&fixture.pool, OWNED).await;
    assert!(owned.len() >= 18, "{owned:?}");
    let unprotected = texts(
        &fixture.pool,
        r"
        SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname IN ('public', 'callbacks') AND c.relkind IN ('r', 'p') AND NOT c.relispartition
          AND (c.relname IN ('tenants', 'subscription_consumers')
               OR EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id'))
          AND NOT (c.relrowsecurity AND c.relforcerowsecurity
                   AND (SELECT array_agg(p.polname::text || ' ' || p.polroles::regrole[]::text ORDER BY p.polname)
                        FROM pg_policy p WHERE p.polrelid = c.oid)
                       = ARRAY['every_tenant {callbacks_engine}', 'own_tenant {callbacks_api}'])",
    )
    .await;
    assert!(unprotected.is_empty(), "call protect_tenant_rows for {unprotected:?} where they are made");
}

#[sqlx::test(migrator = "callbacks_models::migrate::MIGRATOR")]
async fn the_roles_reach_nothing_but_what_they_must(_: PgPoolOptions, options: PgConnectOptions) {
    let fixture = Fixture::new(options).await;
    partitions::ensure_partitions_across_tenants(&fixture.store).await.expect("partitions");
    let around_the_policies = texts(
        &fixture.pool,
        r"
        SELECT c.relname || ' by ' || role FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        CROSS JOIN UNNEST(ARRAY['callbacks_engine', 'callbacks_api']) AS role
        WHERE n.nspname IN ('public', 'callbacks') AND c.relkind IN ('r', 'p', 'v', 'm')
          AND (c.relispartition OR NOT c.relrowsecurity)
          AND has_table_privilege(role, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
          AND NOT (role = 'callbacks_engine' AND NOT c.relispartition)",
    )
    .await;
    assert!(around_the_policies.is_empty(), "{around_the_policies:?}");
    let out_of_reach = texts(
        &fixture.pool,
        r"
        SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname IN ('public', 'callbacks') AND c.relkind IN ('r', 'p') AND NOT c.relispartition
          AND c.relname <> '_sqlx_migrations'
          AND NOT has_table_privilege('callbacks_engine', c.oid, 'SELECT')",
    )
    .await;
    assert!(out_of_reach.is_empty(), "grant callbacks_engine what it needs on {out_of_reach:?}");
    for role in ["callbacks_engine", "callbacks_api"] {
        let mut connection = in_role(&fixture, role, "").await;
        for change in
            ["UPDATE audit_log SET actor = ''", "DELETE FROM audit_log", "SELECT FROM events_default"]
        {
            let error = connection.execute(change).await.expect_err("out of reach").to_string();
            assert!(error.contains("permission denied"), "{role}: {change}: {error}");
        }
    }
}

/// A row in every table, of two tenants.
async fn fill(fixture: &Fixture) {
    for name in ["left", "right"] {
        let configuration = fixture.configuration(name, json!({ "secret": "s3cr3t" })).await;
        let domain = json!({ "domain": format!("{name}.example.com"), "authorizedBy": "test" });
        let domain = AuthorizedDomainDraft::create(&object(domain));
        let domain = domain.expect("a valid domain");
        authorized_domains::create(&acting(fixture), &scope(name), &domain, "token").await.expect("creates");
        let subscription = json!({
            "name": "orders", "messagingSystemType": "KAFKA", "topicOrQueue": "orders",
            "connectionConfig": { "bootstrap.servers": "127.0.0.1:9" },
        });
        let subscription = EventSubscriptionDraft::create(&object(subscription));
        event_subscriptions::create(
            &fixture.store,
            &scope(name),
            &subscription.expect("a valid subscription"),
        )
        .await
        .expect("creates");
        fixture.queue(name, configuration.id, 1).await;
        let sent = named(name, "once", &[configuration.id]);
        let batch = fixture.accept(std::slice::from_ref(&sent)).await;
        fixture.settle(&[delivered(reference(&sent, &batch), configuration.id)]).await;
        claim_key(fixture, name).await;
    }
    claim_key(fixture, "").await;
    append_audit(fixture).await;
    fixture
        .pool
        .execute(
            r"
            INSERT INTO tenants (id) VALUES ('left'), ('right');
            INSERT INTO api_keys (id, tenant_id, role, name, secret_hash, created_by)
                SELECT gen_random_uuid(), id, 'tenant-viewer', 'key', sha256('x'), 'test' FROM tenants;
            INSERT INTO event_types (id, tenant_id, name) SELECT gen_random_uuid(), id, 'order.created' FROM tenants;
            INSERT INTO event_type_enforcement (tenant_id, enforcement) SELECT id, 'warn' FROM tenants;
            INSERT INTO tenant_data_keys (id, tenant_id, sealed_key) SELECT gen_random_uuid(), id, '' FROM tenants;
            INSERT INTO replays (id, tenant_id, configuration_id, accepted_from, accepted_to, per_second)
                SELECT gen_random_uuid(), tenant_id, id, now(), now(), 1 FROM callback_configurations;
            INSERT INTO domain_totals (domain_id, tenant_id) SELECT id, tenant_id FROM authorized_domains;
            INSERT INTO quarantined_messages (id, tenant_id, subscription_id, topic, partition, position, reason, headers,
                                              payload_size)
                SELECT gen_random_uuid(), tenant_id, id, 'orders', '0', '1', 'test', '{}', 0 FROM event_subscriptions;
            INSERT INTO subscription_consumers (subscription_id, replica_id, consumers, connected, partitions, rebalances,
                                                reconnects, filtered)
                SELECT id, gen_random_uuid(), 1, true, '{}', 0, 0, 0 FROM event_subscriptions;
            SELECT callbacks.publish('left', 'order.created', '{}');
            SELECT callbacks.publish('right', 'order.created', '{}');",
        )
        .await
        .expect("fills the rest");
}

async fn claim_key(fixture: &Fixture, owner: &str) {
    let request = idempotency::IdempotentRequest {
        tenant: owner.to_owned(),
        method: "POST".to_owned(),
        path: "/api/v1/events".to_owned(),
        key: "one".to_owned(),
        body_hash: [0; 32],
    };
    let hour = Duration::from_secs(3600);
    let claimed = idempotency::claim(&fixture.store, &request, hour, hour).await.expect("claims");
    assert_eq!(claimed, idempotency::Claim::First);
    let again = idempotency::claim(&fixture.store, &request, hour, hour).await.expect("claims");
    assert_eq!(again, idempotency::Claim::Running, "the claim is seen by the next request of {owner:?}");
}

/// An entry of the service's own chain.
async fn append_audit(fixture: &Fixture) {
    tell_across_tenants(&acting(fixture), &json!({})).await.expect("appends");
}

fn acting(fixture: &Fixture) -> Store {
    let act = Act {
        actor: "test".to_owned(),
        role: "operator".to_owned(),
        operation: "test".to_owned(),
        target: "/".to_owned(),
        status: 200,
    };
    fixture.store.acting(act, |_, _, _| [0; 32])
}

async fn in_role(fixture: &Fixture, role: &str, tenant: &str) -> PgConnection {
    let options = (*fixture.pool.connect_options()).clone().options([("role", role)]);
    let mut connection = options.connect().await.expect("connects");
    if !tenant.is_empty() {
        sqlx::query("SELECT set_config('callbacks.tenant', $1, false)")
            .bind(tenant)
            .execute(&mut connection)
            .await
            .expect("sets");
    }
    connection
}

async fn count(connection: &mut PgConnection, sql: String) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(connection).await.expect("counts")
}

fn owner_column(table: &str) -> &'static str {
    match table {
        "public.tenants" => "id",
        "public.subscription_consumers" => {
            "(SELECT s.tenant_id FROM event_subscriptions s WHERE s.id = subscription_id)"
        }
        _ => "tenant_id",
    }
}

#[sqlx::test(migrator = "callbacks_models::migrate::MIGRATOR")]
async fn the_policies_alone_show_a_tenant_its_own_rows_and_nothing_else(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let fixture = Fixture::new(options).await;
    fill(&fixture).await;
    let mut engine = in_role(&fixture, "callbacks_engine", "").await;
    let mut left = in_role(&fixture, "callbacks_api", "left").await;
    let mut unset = in_role(&fixture, "callbacks_api", "").await;
    let mut stranger = in_role(&fixture, "callbacks_api", "nobody").await;
    for table in texts(&fixture.pool, OWNED).await {
        let own = format!("SELECT count(*) FROM {table} WHERE {} = 'left'", owner_column(&table));
        let all = format!("SELECT count(*) FROM {table}");
        let expected = count(&mut engine, own).await;
        assert!(expected > 0, "{table} is not filled: add to fill()");
        assert!(count(&mut engine, all.clone()).await > expected, "{table} holds only one tenant's rows");
        if OUT_OF_REACH.contains(&table.as_str()) {
            let refused = left.execute(AssertSqlSafe(all)).await.expect_err("no way in").to_string();
            assert!(refused.contains("permission denied"), "{table}: {refused}");
            continue;
        }
        assert_eq!(count(&mut left, all.clone()).await, expected, "{table}");
        assert_eq!(count(&mut unset, all.clone()).await, 0, "{table} without a tenant");
        assert_eq!(count(&mut stranger, all).await, 0, "{table} for a stranger");
    }
}

#[sqlx::test(migrator = "callbacks_models::migrate::MIGRATOR")]
async fn the_policies_alone_keep_a_tenant_from_writing_foreign_rows(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let fixture = Fixture::new(options).await;
    fill(&fixture).await;
    let mut engine = in_role(&fixture, "callbacks_engine", "").await;
    let mut left = in_role(&fixture, "callbacks_api", "left").await;
    let (mut walked, mut given_away) = (0, 0);
    for table in texts(&fixture.pool, OWNED).await {
        let foreign =
            format!("SELECT count(*) FROM {table} WHERE {} IS DISTINCT FROM 'left'", owner_column(&table));
        let before = count(&mut engine, foreign.clone()).await;
        assert!(before > 0, "{table} holds no foreign row");
        let column = if table == "public.tenants" { "id" } else { "tenant_id" };
        let column = if table == "public.subscription_consumers" { "subscription_id" } else { column };
        // No predicate at all: what is changed and deleted is the tenant's own. What the role may not do is refused.
        let changed = format!("UPDATE {table} SET {column} = {column}");
        let own = i64::try_from(affected(&mut left, changed).await).expect("a count");
        let visible = left.fetch_one(AssertSqlSafe(format!("SELECT count(*) FROM {table}"))).await;
        if let (true, Ok(visible)) = (own > 0, visible) {
            assert_eq!(own, visible.get::<i64, _>(0), "{table}");
        }
        if column == "tenant_id" {
            let give_away = format!("UPDATE {table} SET tenant_id = 'right'");
            let error = left.execute(AssertSqlSafe(give_away)).await.expect_err("refused").to_string();
            assert!(
                error.contains("row-level security") || error.contains("permission denied"),
                "{table}: {error}"
            );
            given_away += 1;
        }
        assert_eq!(count(&mut engine, foreign).await, before, "{table}: a foreign row was changed");
        walked += 1;
    }
    let mut foreign = Vec::new();
    for table in texts(&fixture.pool, OWNED).await {
        let rows =
            format!("SELECT count(*) FROM {table} WHERE {} IS DISTINCT FROM 'left'", owner_column(&table));
        foreign.push((table, count(&mut engine, rows.clone()).await, rows));
    }
    for (table, ..) in &foreign {
        affected(&mut left, format!("DELETE FROM {table}")).await;
    }
    for (table, before, rows) in foreign {
        assert_eq!(count(&mut engine, rows).await, before, "{table}: a foreign row is gone");
    }
    assert!(walked >= 20 && given_away >= 18, "{walked} tables, {given_away} with a tenant's id");
    let plant = "INSERT INTO directory_versions (tenant_id) VALUES ('planted')";
    let error = left.execute(plant).await.expect_err("refused").to_string();
    assert!(error.contains("row-level security"), "{error}");
}

/// Rows a statement touched; none where the role may not, or a row of the tenant's own holds on to it.
async fn affected(connection: &mut PgConnection, sql: String) -> u64 {
    match connection.execute(AssertSqlSafe(sql.clone())).await {
        Ok(done) => done.rows_affected(),
        Err(error) => {
            let text = error.to_string();
            assert!(text.contains("permission denied") || text.contains("foreign key"), "{sql}: {text}");
            0
        }
    }
}

/// Ids that would end a literal, were they written as one.
const AWKWARD: [&str; 3] = ["o'brien", r"back\slash", "'; SET ROLE callbacks_engine; --"];

#[sqlx::test(migrator = "callbacks_models::migrate::MIGRATOR")]
async fn a_connection_forgets_its_tenant(_: PgPoolOptions, options: PgConnectOptions) {
    let settings = StoreSettings { api_connections: 1, ..StoreSettings::default() };
    let fixture = Fixture::new(options).await;
    let store = fixture.store_with(&settings);
    for name in AWKWARD.iter().chain(&["left", "right"]) {
        let made = callback_configurations::create(&store, &scope(name), &draft(json!({}))).await;
        let made = made.expect("creates");
        for other in AWKWARD.iter().chain(&["left", "right"]).filter(|other| *other != name) {
            let foreign = callback_configurations::get(&store, &scope(other), made.id).await.expect("reads");
            assert!(foreign.is_none(), "{name} seen by {other}");
        }
        let own = callback_configurations::get(&store, &scope(name), made.id).await.expect("reads");
        assert_eq!(own.map(|own| own.tenant_id), Some(tenant(name)));
    }
    // Interrupted, and failed: the connection comes back to the pool all the same.
    let left = scope("left");
    let interrupted = callback_configurations::get(&store, &left, ConfigurationId::now_v7());
    let _ = tokio::time::timeout(Duration::from_micros(300), interrupted).await;
    let all = callback_configurations::get(&store, &scope("right"), ConfigurationId::now_v7()).await;
    assert!(all.expect("reads").is_none());
    let raw = (*fixture.pool.connect_options()).clone().options([("role", "callbacks_api")]);
    let mut raw = raw.connect().await.expect("connects");
    let mut transaction = raw.begin().await.expect("begins");
    transaction.execute("SELECT set_config('callbacks.tenant', 'left', true)").await.expect("sets");
    assert_eq!(count(&mut transaction, "SELECT count(*) FROM callback_configurations".to_owned()).await, 1);
    transaction.commit().await.expect("commits");
    assert_eq!(count(&mut raw, "SELECT count(*) FROM callback_configurations".to_owned()).await, 0);
}

#[sqlx::test(migrations = false)]
async fn an_owner_without_privileges_is_told_what_to_ask_for_and_then_works(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let pool = PgPool::connect_with(options.clone()).await.expect("connects");
    let user = format!("owner_{}", std::process::id());
    // The roles are the cluster's, and this test's neighbours work in them: only a user who is no member misses them.
    for role in ["callbacks_engine", "callbacks_api"] {
        // An error means that it is there.
        let _ = pool.execute(AssertSqlSafe(format!("CREATE ROLE {role} NOLOGIN"))).await;
    }
    let make = format!("CREATE ROLE {user} LOGIN; CREATE SCHEMA of_{user} AUTHORIZATION {user}");
    pool.execute(AssertSqlSafe(make)).await.expect("makes");
    let database = options.get_database().expect("a test has a database").to_owned();
    pool.execute(AssertSqlSafe(format!("GRANT CREATE ON DATABASE \"{database}\" TO {user}")))
        .await
        .expect("grants");
    let as_owner = options.username(&user).options([("search_path", format!("of_{user}").as_str())]);
    let store = Store::with_options(as_owner.clone(), &StoreSettings::default(), keyring());
    let refused = migrate(&store).await.expect_err("not permitted").to_string();
    let remedy = format!("GRANT callbacks_engine, callbacks_api TO {user}");
    assert!(refused.contains(&remedy), "{refused}");

    pool.execute(AssertSqlSafe(remedy)).await.expect("the administrator grants");
    migrate(&store).await.expect("migrates now");
    migrate(&store).await.expect("a second start finds everything done");
    let fixture = Fixture::new(as_owner.clone()).await;
    fill(&fixture).await;
    assert_eq!(fixture.number("SELECT count(*) FROM events").await, 4, "the owner sees what it migrates");
    let made = partitions::ensure_partitions_across_tenants(&fixture.store).await.expect("makes partitions");
    assert_eq!(made, 10);
    let forever = Duration::ZERO;
    let dropped =
        drop_partitions_older_than_across_tenants(&fixture.store, DailyTable::Events, forever).await;
    assert_eq!(dropped.expect("drops").len(), 1, "yesterday's");
    fixture.pool.close().await;
    store.close().await;

    pool.execute(AssertSqlSafe(format!("REVOKE callbacks_api FROM {user}"))).await.expect("revokes");
    let store = Store::with_options(as_owner, &StoreSettings::default(), keyring());
    let refused = migrate(&store).await.expect_err("not permitted").to_string();
    assert!(refused.contains("GRANT callbacks_api TO"), "{refused}");
    store.close().await;
    let end = format!("DROP OWNED BY {user} CASCADE; DROP ROLE {user}");
    pool.execute(AssertSqlSafe(end)).await.expect("cleans up");
}
