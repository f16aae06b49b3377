use callbacks_core::access::role::Role;
use callbacks_testkit::hostile_corpus::{Entry, Section, entries};
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::guarded::{Guarded, configuration, domain, subscription, with_key};
use crate::support::{Answer, bare, json_request};

const STRANGER: &str = "0199c0de-0000-7000-8000-000000000000";
/// Rows of each tenant that lists are asked over.
const ROWS: i64 = 5000;

/// Two tenants with one thing of each kind, under the names the catalogue uses.
struct Scene {
    service: Guarded,
    a: String,
    b: String,
    names: Vec<(String, String)>,
}

impl Scene {
    async fn set(pool: PgPool) -> Self {
        let service = Guarded::start(pool).await;
        let a = service.key(Role::TenantAdmin, Some("tenant-a")).await;
        let b = service.key(Role::TenantAdmin, Some("tenant-b")).await;
        let mut names = Vec::new();
        for (letter, key) in [("a", &a), ("b", &b)] {
            for (kind, path, body) in [
                ("config", "/api/v1/callback-configurations", configuration()),
                ("domain", "/api/v1/authorized-domains", domain("hooks.example")),
                ("subscription", "/api/v1/event-subscriptions", subscription()),
            ] {
                names.push((format!("{letter}_{kind}"), service.create(key, path, &body).await));
            }
        }
        let find = |name: &str| names.iter().find(|(own, _)| own == name).expect("made").1.clone();
        let (a_config, b_config) = (find("a_config"), find("b_config"));
        let executions = [("a", "tenant-a", a_config), ("b", "tenant-b", b_config)];
        for (letter, tenant, configuration) in executions {
            let made = execution_rows(&service, tenant, &configuration).await;
            names.push((format!("{letter}_execution"), made));
        }
        Self { service, a, b, names }
    }

    fn filled(&self, text: &str) -> String {
        let mut filled = text.to_owned();
        for (name, id) in &self.names {
            filled = filled.replace(&format!("{{{name}}}"), id);
            let loud = format!("{{{}_UPPERCASE}}", name.to_uppercase());
            filled = filled.replace(&loud, &id.to_uppercase());
        }
        assert!(!filled.contains('{') || filled.contains("{tenantId"), "{filled}");
        filled
    }

    /// Everything tenant B can see of its own, to compare.
    async fn of_b(&self) -> Vec<String> {
        let mut seen = Vec::new();
        for (name, path) in [
            ("b_config", "/api/v1/callback-configurations"),
            ("b_domain", "/api/v1/authorized-domains"),
            ("b_subscription", "/api/v1/event-subscriptions"),
            ("b_execution", "/api/v1/callback-executions"),
        ] {
            let id = self.filled(&format!("{{{name}}}"));
            let answer = self.service.get(&self.b, &format!("{path}/{id}")).await;
            assert_eq!(answer.status, 200, "{name}: {}", answer.text);
            seen.push(answer.text);
        }
        seen
    }

    async fn ask(&self, method: &str, path: &str) -> Answer {
        let body = match path.split('/').nth(3) {
            Some("callback-configurations") => configuration(),
            Some("authorized-domains") => domain("hooks.example"),
            Some("event-subscriptions") => subscription(),
            _ => json!({}),
        };
        let request = if matches!(method, "PUT" | "POST") {
            json_request(method, path, &body)
        } else {
            bare(method, path)
        };
        self.service.ask(&self.a, request).await
    }
}

/// Rows as deliveries leave them; the id of one.
async fn execution_rows(service: &Guarded, tenant: &str, configuration: &str) -> String {
    let sql = "INSERT INTO callback_executions (id, started_at, tenant_id, configuration_id, event_row_id, source_event_id, \
               event_type, status, attempt, max_attempts) \
               SELECT gen_random_uuid(), now() - make_interval(secs => n), $1, $2::uuid, gen_random_uuid(), \
               gen_random_uuid(), 'order.created', 'FAILED_RETRYING', 1, 4 FROM generate_series(1, $3) n RETURNING id::text";
    let made: Vec<String> = sqlx::query_scalar(sql)
        .bind(tenant)
        .bind(configuration)
        .bind(ROWS)
        .fetch_all(&service.service.pool)
        .await
        .expect("rows");
    made[0].clone()
}

/// `GET /path X-Tenant-Id: tenant-b` and the other forms the catalogue has.
struct Spoken<'a> {
    method: &'a str,
    path: &'a str,
    header: Option<(&'a str, &'a str)>,
    body: Option<Value>,
}

fn understood(text: &str) -> Spoken<'_> {
    if let Some(rest) = text.strip_prefix("If-None-Match: <etag of b_config> GET ") {
        return Spoken { method: "GET", path: rest, header: Some(("if-none-match", "*")), body: None };
    }
    let (method, rest) = text.split_once(' ').expect("a method");
    let (path, more) = rest.split_once(' ').unwrap_or((rest, ""));
    let header = more.split_once(": ").filter(|_| !more.starts_with('{'));
    let body = more.starts_with('{').then(|| {
        let mut body = configuration();
        body["tenantId"] = "tenant-b".into();
        body
    });
    Spoken { method, path, header, body }
}

/// Two answers are one and the same to somebody who does not know which was which.
fn alike(one: &Answer, other: &Answer, ids: [&str; 2]) {
    let plain = |answer: &Answer, id: &str| {
        let mut json = answer.json.clone();
        for name in ["requestId", "timestamp", "instance", "path"] {
            json.as_object_mut().expect("a problem").remove(name);
        }
        (answer.status, json.to_string().replace(id, "ID"))
    };
    assert_eq!(plain(one, ids[0]), plain(other, ids[1]));
}

async fn requested(scene: &Scene, entry: &Entry, text: &str) -> String {
    let before = scene.of_b().await;
    let spoken = understood(text);
    // The catalogue's name for what is called replay here.
    let wanted = spoken.path.replace("}/retry", "}/replay");
    let wanted =
        if wanted.starts_with('/') { wanted } else { format!("/api/v1/callback-configurations/{wanted}") };
    let mut path = scene.filled(&wanted);
    if spoken.method == "DELETE" && path.contains("authorized-domains") {
        // The contract wants the name as well.
        path.push_str("?domain=hooks.example");
    }
    if path.contains("/recent") {
        // The contract wants to know of which configuration; of a foreign one there is nothing.
        let foreign = scene.ask("GET", &scene.filled(&format!("{path}&configurationId={{b_config}}"))).await;
        assert!(foreign.status == 404 || foreign.text == "[]", "{}", foreign.text);
        path = scene.filled(&format!("{path}&configurationId={{a_config}}"));
    }
    let mut answer = match &spoken.body {
        Some(body) => scene.service.call(&scene.a, spoken.method, &path, body).await,
        None => scene.ask(spoken.method, &path).await,
    };
    if let Some((name, value)) = spoken.header {
        let mut request = with_key(bare(spoken.method, &path), &scene.a);
        let name: http::HeaderName = name.parse().expect("a name");
        request.headers_mut().insert(name, value.parse().expect("a value"));
        answer = scene.service.service.send(request).await;
    }
    let status = answer.status.as_u16();
    assert!(entry.permits_status(status), "{} {text}: {status} {}", entry.id, answer.text);
    assert!(!answer.text.contains("tenant-b"), "{}: {}", entry.id, answer.text);
    let foreign = scene.names.iter().find(|(name, id)| name.starts_with("b_") && path.contains(id.as_str()));
    if let (404, Some((_, id))) = (status, foreign) {
        let unknown = scene.ask(spoken.method, &path.replace(id, STRANGER)).await;
        alike(&answer, &unknown, [id, STRANGER]);
    }
    assert_eq!(scene.of_b().await, before, "{} changed something of tenant B", entry.id);
    let rows =
        answer.json.as_array().map(Vec::len).or_else(|| answer.json["content"].as_array().map(Vec::len));
    let own = rows.filter(|_| answer.status.is_success()).map(|_| "only its own rows").unwrap_or_default();
    format!("{status} {}{own}", answer.json["code"].as_str().unwrap_or_default()).trim().to_owned()
}

async fn metrics_name_nobody(scene: &Scene) -> String {
    let operator = scene.service.key(Role::Operator, None).await;
    let page = scene.service.get(&operator, "/metrics").await;
    assert_eq!(page.status, 200);
    for private in ["tenant-a", "tenant-b", "hooks.example"] {
        assert!(!page.text.contains(private), "{private}: {}", page.text);
    }
    "200, no tenant, URL or id".to_owned()
}

#[sqlx::test(migrations = "../../migrations")]
async fn no_request_reaches_another_tenant(pool: PgPool) {
    let scene = Scene::set(pool).await;
    let mut section = Section::new("tenancy", file!());
    for entry in entries("tenancy") {
        let result = match (entry.input["as"].as_str(), entry.input["request"].as_str()) {
            (Some("tenant A key"), Some(text)) => requested(&scene, &entry, text).await,
            (Some("metrics"), _) => metrics_name_nobody(&scene).await,
            // What comes from brokers, and the second wall in the database, are proven where they are built.
            _ => continue,
        };
        section.record(&entry, &result);
    }
    section.finish();
}
