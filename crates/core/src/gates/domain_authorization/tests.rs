use callbacks_testkit::hostile_corpus::{Section, entries};
use serde_json::Value;
use time::format_description::well_known::Rfc3339;
use time::macros::datetime;

use super::*;

const NOW: OffsetDateTime = datetime!(2025-11-01 10:00 UTC);

fn entry(json: &Value) -> DomainEntry {
    let text = |name: &str| json[name].as_str();
    let flag =
        |name: &str, default: bool| json.get(name).map_or(default, |value| value.as_bool().unwrap_or(false));
    let paths: Vec<&str> =
        json["allowedPaths"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    DomainEntry {
        id: DomainId::from(uuid::Uuid::nil()),
        pattern: DomainPattern::try_from(text("domain").expect("a domain")).expect("a valid domain"),
        verified: flag("verified", true),
        active: flag("active", true),
        expires_at: text("expiresAt").map(|at| OffsetDateTime::parse(at, &Rfc3339).expect("a date")),
        allowed_paths: PathRules::compile(&paths),
        require_https: flag("requireHttps", true),
        max_callbacks_per_minute: None,
        granted_per_minute: None,
        allowed_ips: None,
    }
}

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../../tests/vectors/domains.json")).expect("valid JSON")
}

fn list(value: &Value) -> &Vec<Value> {
    value.as_array().expect("a list")
}

#[test]
fn registered_domains_decide_as_recommended() {
    for case in list(&vectors()["firefly"]) {
        let entries: Vec<_> = list(&case["authorized_domains"]).iter().map(entry).collect();
        let url = CallbackUrl::try_from(case["url"].as_str().expect("a URL"));
        let authorized = url.is_ok_and(|url| authorize(&url, &entries, NOW).is_ok());
        assert_eq!(authorized, case["recommended"], "{case}");
    }
}

#[test]
fn allow_lists_decide_as_recommended() {
    for case in list(&vectors()["allow_list"]) {
        // An empty list is a matter of policy: here it means that the configuration adds no list of its own.
        // Port 9 (discard) is none a callback URL may have at all.
        if case["recommended"] == "policy" || case["url"] == "http://127.0.0.1:9/x" {
            continue;
        }
        let allowed: Vec<String> =
            list(&case["allow"]).iter().filter_map(Value::as_str).map(str::to_owned).collect();
        let url = CallbackUrl::try_from(case["url"].as_str().expect("a URL"));
        assert_eq!(url.is_ok_and(|url| allow_list_permits(&url, &allowed)), case["recommended"], "{case}");
    }
}

#[test]
fn refusals_say_what_is_missing() {
    let refusal = |json: Value, url: &str| {
        let url = CallbackUrl::try_from(url).expect("a URL");
        authorize(&url, &[entry(&json)], NOW).expect_err("refused").to_string()
    };
    let domain = |extra: Value| {
        let mut json = serde_json::json!({"domain": "api.example.com"});
        json.as_object_mut().expect("an object").extend(extra.as_object().expect("an object").clone());
        json
    };
    let hook = "https://api.example.com/hook";
    assert_eq!(
        refusal(domain(serde_json::json!({"verified": false})), hook),
        "Domain not authorized: api.example.com is not verified"
    );
    assert_eq!(
        refusal(domain(serde_json::json!({"active": false})), hook),
        "Domain not authorized: api.example.com is not active"
    );
    let expired = refusal(domain(serde_json::json!({"expiresAt": "2001-01-01T00:00:00Z"})), hook);
    assert_eq!(expired, "Domain not authorized: the authorization of api.example.com has expired");
    assert_eq!(
        refusal(domain(serde_json::json!({})), "http://api.example.com/"),
        "Domain not authorized: api.example.com requires https"
    );
    let elsewhere = refusal(domain(serde_json::json!({})), "https://other.example:8443/");
    assert_eq!(elsewhere, "Domain not authorized: other.example:8443 is not registered");
    let path = refusal(domain(serde_json::json!({"allowedPaths": ["/a"]})), hook);
    assert_eq!(path, "Domain not authorized: the path on api.example.com is not an allowed path");
}

#[test]
fn the_most_specific_entry_decides_alone() {
    let off = serde_json::json!({"domain": "api.example.com", "active": false});
    let wide = serde_json::json!({"domain": "*.example.com"});
    let url = CallbackUrl::try_from("https://api.example.com/").expect("a URL");
    for entries in [[entry(&off), entry(&wide)], [entry(&wide), entry(&off)]] {
        assert!(matches!(authorize(&url, &entries, NOW), Err(DomainRefusal::NotActive(_))));
    }
    let wider = serde_json::json!({"domain": "*.com", "verified": false});
    assert!(authorize(&url, &[entry(&wider), entry(&wide)], NOW).is_ok());
}

#[test]
fn stored_networks_are_read_and_unreadable_ones_permit_nothing() {
    let stored = |ip_whitelist: &[&str]| StoredDomain {
        id: DomainId::from(uuid::Uuid::nil()),
        pattern: DomainPattern::try_from("api.example.com").expect("a domain"),
        verified: true,
        active: true,
        allowed_paths: Vec::new(),
        max_callbacks_per_minute: 100,
        ip_whitelist: ip_whitelist.iter().map(|text| (*text).to_owned()).collect(),
        require_https: true,
        expires_at: None,
        granted_per_minute: None,
    };
    let networks = |texts: &[&str]| DomainEntry::from(stored(texts)).allowed_ips.map(|list| list.len());
    assert_eq!(networks(&[]), None);
    assert_eq!(networks(&["192.0.2.7", "198.51.100.0/24", "2001:db8::1"]), Some(3));
    assert_eq!(networks(&["everywhere"]), Some(0));
}

#[test]
fn an_authorization_ends_after_its_last_moment() {
    let until = entry(&serde_json::json!({"domain": "api.example.com", "expiresAt": "2025-11-01T10:00:00Z"}));
    let url = CallbackUrl::try_from("https://api.example.com/").expect("a URL");
    assert_eq!(until.check(&url, NOW), Ok(()));
    assert!(until.check(&url, NOW + time::Duration::NANOSECOND).is_err());
}

/// What the catalogue calls the reason, in this service's words.
fn words(reason: &str) -> &'static str {
    match reason {
        "https_required" => "requires https",
        "path_not_allowed" => "path",
        "domain_not_authorised" => "is not registered",
        other => panic!("{other} is unknown here"),
    }
}

#[test]
fn hostile_urls_are_refused() {
    let mut section = Section::new("domain_authz", file!());
    for case in entries("domain_authz").iter().filter(|case| case.input.get("authorised").is_some()) {
        let given = &case.input["authorised"];
        let domain =
            entry(&serde_json::json!({"domain": given["domain"], "allowedPaths": given["allowed_paths"]}));
        let verdict = CallbackUrl::try_from(case.text("url"))
            .map_err(|refused| refused.to_string())
            .and_then(|url| authorize(&url, &[domain], NOW).map(drop).map_err(|refused| refused.to_string()));
        let result = match (case.verdict(), verdict) {
            ("allow", Ok(())) => "allowed".to_owned(),
            ("block", Err(refused)) => {
                assert!(refused.contains(words(case.reason())), "{}: {refused}", case.id);
                format!("0 dials; {refused}")
            }
            (expected, seen) => panic!("{}: {expected}, and yet {seen:?}", case.id),
        };
        section.record(case, &result);
    }
    section.finish();
}
