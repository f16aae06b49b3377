//! The settings as a whole: the defaults are complete, layers beat each other in order, mistakes are named.

use std::{collections::BTreeMap, env, fs, process};

use super::{known_keys, limits, sections::Settings, sources::Sources};

fn refusal(environment: &[(&str, &str)]) -> String {
    Settings::from_environment(environment).expect_err("refused").to_string()
}

#[test]
fn the_defaults_are_accepted_and_listen_on_loopback() {
    let settings = Settings::from_environment(&[]).expect("the defaults");
    assert!(settings.server.host.is_loopback());
    assert_eq!(settings.server.port, 8080);
    assert!(settings.egress.allowed_networks.is_empty());
    assert!(settings.database.url.is_none());
    assert!(settings.notices.is_empty(), "{:?}", settings.notices);
}

#[test]
fn every_number_has_limits_and_every_limit_a_number() {
    let defaults = known_keys::defaults().expect("parses");
    for (key, value) in &defaults {
        let is_number = limits::number(&value.kind).is_some();
        assert_eq!(is_number, limits::LIMITS.iter().any(|(row, ..)| row == key), "{key}");
    }
    for (key, ..) in limits::LIMITS {
        assert!(defaults.contains_key(key), "{key}");
    }
}

#[test]
fn every_default_is_documented_above_it() {
    let lines: Vec<&str> = known_keys::DEFAULTS.lines().collect();
    for (number, line) in lines.iter().enumerate() {
        if line.contains(" = ") && !line.starts_with('#') {
            assert!(lines[number - 1].starts_with('#'), "{line} has no comment above it");
        }
    }
}

#[test]
fn the_development_file_is_accepted() {
    let sources = Sources {
        file: Some(concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/development.toml").into()),
        environment: BTreeMap::from([("HOME".to_owned(), "/home/someone".to_owned())]),
    };
    let settings = Settings::load(&sources).expect("accepted");
    assert_eq!(settings.egress.allowed_networks.len(), 2);
}

#[test]
fn later_layers_beat_earlier_ones() {
    let path = env::temp_dir().join(format!("callbacks-settings-{}.toml", process::id()));
    fs::write(&path, "[server]\nport = 1001\nmax_body_bytes = 2048\n[retry]\njitter = 1\n").expect("written");
    let load = |variables: &[(&str, &str)]| {
        let environment = variables
            .iter()
            .chain(&[("HOME", "/home/someone")])
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Settings::load(&Sources { file: Some(path.clone()), environment }).expect("accepted")
    };
    assert_eq!(load(&[]).server.port, 1001);
    assert!((load(&[]).retry.jitter - 1.0).abs() < f64::EPSILON, "a whole number will do");
    assert_eq!(load(&[("SERVER_PORT", "1002")]).server.port, 1002);
    let all = load(&[("SERVER_PORT", "1002"), ("CALLBACKS_SERVER__PORT", "1003")]);
    assert_eq!(all.server.port, 1003);
    assert_eq!(all.server.max_body_bytes, 2048);
    fs::remove_file(&path).expect("removed");
}

#[test]
fn with_api_keys_every_address_may_be_listened_on() {
    let host = ("CALLBACKS_SERVER__HOST", "0.0.0.0");
    let keys = ("CALLBACKS_SECURITY__AUTHENTICATION", "api-keys");
    let settings = Settings::from_environment(&[host, keys]).expect("accepted");
    assert!(settings.notices.is_empty(), "{:?}", settings.notices);
    let open = [host, ("CALLBACKS_SECURITY__ALLOW_UNAUTHENTICATED", "true")];
    let settings = Settings::from_environment(&open).expect("accepted");
    assert!(
        settings.notices.iter().any(|notice| notice.contains("may do everything")),
        "{:?}",
        settings.notices
    );
    let text = refusal(&[("CALLBACKS_SECURITY__AUTHENTICATION", "on")]);
    assert!(text.contains("api-keys"), "{text}");
}

#[test]
fn tokens_need_a_provider_that_can_be_trusted() {
    const COMPLETE: [(&str, &str); 4] = [
        ("CALLBACKS_SECURITY__AUTHENTICATION", "jwt"),
        ("CALLBACKS_SECURITY__JWT__ISSUER", "https://id.example"),
        ("CALLBACKS_SECURITY__JWT__AUDIENCES", "callbacks"),
        ("CALLBACKS_SECURITY__JWT__JWKS_URL", "https://id.example/jwks"),
    ];
    let host = ("CALLBACKS_SERVER__HOST", "0.0.0.0");
    let with = |more: &[(&'static str, &'static str)]| [&COMPLETE[..], &[host], more].concat();
    let settings = Settings::from_environment(&with(&[])).expect("accepted");
    assert!(settings.token_provider().is_some() && settings.notices.is_empty(), "{:?}", settings.notices);
    for left_out in 1..COMPLETE.len() {
        let mut rest = COMPLETE.to_vec();
        let (name, _) = rest.remove(left_out);
        let key = name.trim_start_matches("CALLBACKS_").to_ascii_lowercase().replace("__", ".");
        assert!(refusal(&rest).contains(&key), "{}", refusal(&rest));
    }
    assert!(refusal(&COMPLETE[1..]).contains("accepts no tokens"));
    for (variable, expected) in [
        (("CALLBACKS_SECURITY__JWT__ALGORITHMS", "RS256,HS256"), "HS256"),
        (("CALLBACKS_SECURITY__JWT__ALGORITHMS", "none"), "none"),
        (("CALLBACKS_SECURITY__JWT__ALGORITHMS", ""), "security.jwt.algorithms"),
        (("CALLBACKS_SECURITY__JWT__JWKS_URL", "http://id.example/jwks"), "must be https"),
        (("CALLBACKS_SECURITY__JWT__JWKS_URL", "file:///etc/keys"), "security.jwt.jwks_url"),
        (("CALLBACKS_SECURITY__JWT__ROLE_NAMES", "admins"), "value=role"),
        (("CALLBACKS_SECURITY__JWT__ROLE_NAMES", "admins=root"), "names no role"),
        (("CALLBACKS_SECURITY__JWT__ROLE_NAMES", "a=operator,a=tenant-viewer"), "second role"),
        (("CALLBACKS_SECURITY__JWT__TENANT_CLAIM", ""), "security.jwt.tenant_claim"),
        (("CALLBACKS_SECURITY__JWT__JWKS_REFRESH_MS", "5000"), "must grow"),
    ] {
        let text = refusal(&with(&[variable]));
        assert!(text.contains(expected), "{text}");
    }
    for fine in [
        ("CALLBACKS_SECURITY__JWT__JWKS_URL", "http://127.0.0.1:9090/jwks"),
        ("CALLBACKS_SECURITY__JWT__JWKS_URL", "http://localhost:9090/jwks"),
        ("CALLBACKS_SECURITY__JWT__ROLE_NAMES", "cn=admins=tenant-admin, ops=operator"),
    ] {
        Settings::from_environment(&with(&[fine])).expect("accepted");
    }
}

#[test]
fn unknown_settings_are_refused_with_the_nearest_known() {
    let text = refusal(&[("CALLBACKS_SERVER__PROT", "1")]);
    assert!(text.contains("CALLBACKS_SERVER__PROT") && text.contains("did you mean `server.port`"), "{text}");
    let text = refusal(&[("CALLBACKS_SERVER_PORT", "1")]);
    assert!(text.contains("did you mean `server.port`"), "{text}");
}

#[test]
fn variables_kubernetes_makes_for_a_service_are_not_settings() {
    Settings::from_environment(&[
        ("CALLBACKS_PORT", "tcp://10.0.0.1:8080"),
        ("CALLBACKS_PORT_8080_TCP_ADDR", "10.0.0.1"),
        ("CALLBACKS_SERVICE_HOST", "10.0.0.1"),
        ("CALLBACKS_SERVICE_PORT_HTTP", "8080"),
    ])
    .expect("ignored");
}

#[test]
fn wrong_values_name_variable_and_remedy() {
    let cases = [
        (("CALLBACKS_SERVER__PORT", "http"), "is not a whole number"),
        (("CALLBACKS_SERVER__PORT", "70000"), "between 0 and 65535"),
        (("SERVER_PORT", "-1"), "between 0 and 65535"),
        (("CALLBACKS_SERVER__HOST", "localhost"), "IP address"),
        (("CALLBACKS_EGRESS__ALLOWED_NETWORKS", "10.0.0.0"), "invalid IP address syntax"),
        (("CALLBACKS_LOG__FORMAT", "xml"), "json"),
        (("CALLBACKS_SIGNATURE__HEADER_NAME", "X Bad"), "not a header name"),
        (("CALLBACKS_DOMAINS__ENFORCE_DEFAULT_RATE", "perhaps"), "true or false"),
    ];
    for ((name, value), expected) in cases {
        let text = refusal(&[(name, value)]);
        assert!(text.starts_with(name) && text.contains(expected), "{text}");
    }
}

#[test]
fn kafka_properties_are_handed_over_and_bad_ones_are_named() {
    let good = "security.protocol=SASL_SSL,sasl.username=callbacks, sasl.password=can=ary";
    let settings =
        Settings::from_environment(&[("CALLBACKS_SOURCES__KAFKA_PROPERTIES", good)]).expect("accepted");
    let told = settings.brokers().kafka_properties;
    assert_eq!((told["security.protocol"].as_str(), told["sasl.password"].as_str()), ("SASL_SSL", "can=ary"));
    let report: String = settings.report().iter().map(|line| format!("{line}\n")).collect();
    assert!(report.contains(r#""sasl.password=***""#) && !report.contains("can=ary"), "{report}");
    assert!(!format!("{settings:?}").contains("can=ary"));
    let cases =
        [("ssl.ca.location=/etc/passwd", "ssl.ca.location is not supported"), ("a=b,canary", "item 2 of")];
    for (value, expected) in cases {
        let text = refusal(&[("CALLBACKS_SOURCES__KAFKA_PROPERTIES", value)]);
        assert!(text.contains("sources.kafka_properties") && text.contains(expected), "{text}");
        assert!(!text.contains("canary") && !text.contains("passwd"), "{text}");
    }
}

#[test]
fn contradictions_name_both_settings() {
    let cases = [
        (("CALLBACKS_SERVER__HOST", "0.0.0.0"), ["server.host", "security.allow_unauthenticated"]),
        (("CALLBACKS_WORKER__HEARTBEAT_MS", "2000"), ["worker.dead_after_ms", "worker.heartbeat_ms"]),
        (
            ("CALLBACKS_DISPATCHER__MAX_IN_FLIGHT", "10"),
            ["dispatcher.max_in_flight_per_configuration", "dispatcher.max_in_flight"],
        ),
        (("CALLBACKS_INTAKE__FLUSHERS", "3"), ["intake.flushers", "database.intake_connections"]),
        (
            ("CALLBACK_CB_WINDOW_SIZE", "5"),
            ["circuit_breaker.minimum_number_of_calls", "circuit_breaker.sliding_window_size"],
        ),
        (
            ("CALLBACKS_RETENTION__EVENTS_DAYS", "6"),
            ["retention.dedup_window_hours", "retention.events_days"],
        ),
    ];
    for (variable, names) in cases {
        let text = refusal(&[variable]);
        assert!(names.iter().all(|name| text.contains(name)), "{text}");
    }
    assert!(refusal(&[("LOG_LEVEL", "callbacks=loud")]).contains("log.level"));
}

#[test]
fn fireflys_names_are_honoured_or_explained() {
    let settings = Settings::from_environment(&[
        ("DB_HOST", "db.internal"),
        ("DB_PASSWORD", "p@ss/word"),
        ("CALLBACK_RETRY_MAX_ATTEMPTS", "3"),
        ("CALLBACK_CB_FAILURE_RATE", "40"),
        ("CALLBACK_DISPATCHER_THREADS", "20"),
        ("CALLBACK_FOLLOW_REDIRECTS", "false"),
        ("LOG_LEVEL", "WARN"),
    ])
    .expect("accepted");
    assert_eq!(
        settings.database.url.as_deref(),
        Some("postgres://firefly:p%40ss%2Fword@db.internal:5432/callbacks_db")
    );
    assert!(settings.notices.iter().any(|notice| notice.contains("maxRetries")));
    assert!((settings.circuit_breaker.failure_rate_threshold - 40.0).abs() < f32::EPSILON);
    assert!(settings.notices.iter().any(|notice| notice.contains("dispatcher.max_in_flight")));
    assert_eq!(settings.log.level, "warn");
    assert!(refusal(&[("CALLBACK_FOLLOW_REDIRECTS", "true")]).contains("never followed"));
    assert!(refusal(&[("DB_PORT", "many")]).contains("DB_PORT"));
}

#[test]
fn the_report_shows_origins_and_no_secret() {
    let settings = Settings::from_environment(&[
        ("CALLBACKS_DATABASE__URL", "postgres://me:canary@db/callbacks?sslpassword=canary"),
        ("CALLBACKS_SECURITY__ENCRYPTION_KEY", "canary"),
    ])
    .expect("accepted");
    let report: String = settings.report().iter().map(|line| format!("{line}\n")).collect();
    assert!(!report.contains("canary") && !format!("{settings:?}").contains("canary"), "{report}");
    assert!(report.contains("server.port = 8080"), "{report}");
    assert!(report.contains("# CALLBACKS_DATABASE__URL"), "{report}");
}
