//! What an identity provider publishes, and what a token claims, is read without harm.

use std::collections::HashMap;
use std::time::Duration;

use callbacks_core::access::role::Role;
use callbacks_core::access::tokens::claim_path::ClaimPath;
use callbacks_core::access::tokens::claims::judge;
use callbacks_core::access::tokens::key_set::KeySet;
use callbacks_core::access::tokens::settings::TokenSettings;
use serde_json::Value;
use time::OffsetDateTime;

pub fn survives(data: &[u8]) {
    let _ = KeySet::parse(data);
    let Ok(Value::Object(claims)) = serde_json::from_slice(data) else { return };
    let settings = TokenSettings {
        issuer: "i".to_owned(),
        audiences: vec!["a".to_owned()],
        algorithms: Vec::new(),
        leeway: Duration::from_secs(30),
        tenant_claim: ClaimPath::new("t").expect("a path"),
        role_claim: ClaimPath::new("/r/s").expect("a path"),
        role_names: HashMap::from([("o".to_owned(), Role::Operator), ("v".to_owned(), Role::TenantViewer)]),
        requests_per_second: None,
    };
    let Ok(standing) = judge(&claims, &settings, OffsetDateTime::UNIX_EPOCH) else { return };
    assert!(standing.until.is_finite() && standing.until > 0.0, "{}", standing.until);
    if let Ok(caller) = standing.caller {
        let named = claims.get("t").is_some_and(|tenant| !tenant.is_null());
        assert_eq!(caller.role == Role::Operator, !named, "an operator's token names no tenant");
    }
}
