//! What the claims of a token whose signature is good amount to. Pure: the time is handed in.

use serde_json::{Map, Value};
use time::OffsetDateTime;

use super::settings::TokenSettings;
use crate::access::caller::Caller;
use crate::access::role::Role;

/// Longest `sub`, in characters (OpenID Connect Core, section 2).
const SUBJECT_MAX_CHARS: usize = 255;

/// Why a token is not accepted. The texts are for the `error_description` of RFC 6750: ASCII, no quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// Not three parts of base64url with JSON inside, or too long.
    #[error("it is no signed JWT of at most 8192 bytes")]
    Malformed,
    /// Its header asks for something no token may ask for here.
    #[error("its header is not one this service reads (typ, crit)")]
    Header,
    /// It was signed with an algorithm the settings do not list.
    #[error("its signature algorithm is not accepted")]
    Algorithm,
    /// No key of the provider's set made its signature.
    #[error("its signature is from no key of the provider")]
    Signature,
    /// `iss`.
    #[error("iss is not the issuer accepted here")]
    Issuer,
    /// `aud`.
    #[error("aud does not name this service")]
    Audience,
    /// `exp` is missing or no number.
    #[error("exp is missing")]
    NoExpiry,
    /// `exp`.
    #[error("it has expired")]
    Expired,
    /// `nbf`.
    #[error("it is not valid yet (nbf)")]
    NotYet,
    /// `sub` is missing, or nothing that can be written down.
    #[error("sub is missing, or longer than 255 printable characters")]
    Subject,
}

/// What a token is good for.
#[derive(Debug, Clone)]
pub struct Standing {
    /// Who is asking; or, in a token that is good but grants nothing, the sentence that says why.
    pub caller: Result<Caller, String>,
    /// Seconds since 1970 at which it ends, leeway included.
    pub until: f64,
}

/// Judges claims.
///
/// # Errors
/// When the token is for somebody else, or for another time.
pub fn judge(
    claims: &Map<String, Value>,
    settings: &TokenSettings,
    now: OffsetDateTime,
) -> Result<Standing, TokenFault> {
    if claims.get("iss").and_then(Value::as_str) != Some(settings.issuer.as_str()) {
        return Err(TokenFault::Issuer);
    }
    if !is_for(claims.get("aud"), &settings.audiences) {
        return Err(TokenFault::Audience);
    }
    let leeway = settings.leeway.as_secs_f64();
    let until = number(claims, "exp")?.ok_or(TokenFault::NoExpiry)? + leeway;
    let now = seconds(now);
    if until <= now {
        return Err(TokenFault::Expired);
    }
    if number(claims, "nbf")?.is_some_and(|begin| begin - leeway > now) {
        return Err(TokenFault::NotYet);
    }
    let subject = claims.get("sub").and_then(Value::as_str).filter(|text| is_writable(text));
    let subject = subject.ok_or(TokenFault::Subject)?;
    Ok(Standing { caller: caller(claims, settings, subject), until })
}

/// A moment as tokens count it.
pub(super) fn seconds(moment: OffsetDateTime) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "microseconds are more than tokens tell")]
    let nanoseconds = moment.unix_timestamp_nanos() as f64;
    nanoseconds / 1e9
}

fn is_for(audience: Option<&Value>, ours: &[String]) -> bool {
    let is_ours = |value: &Value| value.as_str().is_some_and(|text| ours.iter().any(|our| our == text));
    match audience {
        Some(Value::Array(several)) => several.iter().any(is_ours),
        Some(one) => is_ours(one),
        None => false,
    }
}

/// A `NumericDate` (RFC 7519, 2); one that is something else is refused, not overlooked.
fn number(claims: &Map<String, Value>, name: &str) -> Result<Option<f64>, TokenFault> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    match value.as_f64().filter(|number| number.is_finite()) {
        Some(number) => Ok(Some(number)),
        None if name == "exp" => Err(TokenFault::NoExpiry),
        None => Err(TokenFault::NotYet),
    }
}

fn is_writable(subject: &str) -> bool {
    !subject.trim().is_empty()
        && subject.chars().count() <= SUBJECT_MAX_CHARS
        && !subject.chars().any(char::is_control)
}

/// An operator's token names no tenant, a token of any other role names one. A role of the operator's name in a token
/// that names a tenant means nothing: many providers let tenants name roles themselves.
fn caller(claims: &Map<String, Value>, settings: &TokenSettings, subject: &str) -> Result<Caller, String> {
    let (tenant_claim, role_claim) = (&settings.tenant_claim, &settings.role_claim);
    let tenant = match tenant_claim.find(claims) {
        None => None,
        Some(value) => {
            let read = value.as_str().and_then(|text| text.parse().ok());
            Some(read.ok_or_else(|| format!("The token's claim {} is no tenant id", tenant_claim.as_str()))?)
        }
    };
    let roles = roles(role_claim.find(claims), settings);
    if roles.is_empty() {
        return Err(format!(
            "The token's claim {} names no role of this service; security.jwt.role_names says which values do",
            role_claim.as_str()
        ));
    }
    let is_operators = tenant.is_none();
    let role = roles.into_iter().find(|role| (*role == Role::Operator) == is_operators);
    role.and_then(|role| Caller::of_token(subject, role, tenant)).ok_or_else(|| {
        if is_operators {
            format!("The token names no tenant (claim {})", tenant_claim.as_str())
        } else {
            format!("A token with a tenant (claim {}) is no operator's", tenant_claim.as_str())
        }
    })
}

/// The roles the claim means, the mightiest first.
fn roles(claim: Option<&Value>, settings: &TokenSettings) -> Vec<Role> {
    let names: Vec<&str> = match claim {
        Some(Value::String(text)) => std::iter::once(text.as_str()).chain(text.split_whitespace()).collect(),
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let meant: Vec<Role> =
        names.into_iter().filter_map(|name| settings.role_names.get(name).copied()).collect();
    Role::ALL.into_iter().filter(|role| meant.contains(role)).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::access::tokens::claim_path::ClaimPath;

    const NOW: i64 = 1_800_000_000;

    fn settings() -> TokenSettings {
        TokenSettings {
            issuer: "https://id.example".to_owned(),
            audiences: vec!["callbacks".to_owned(), "hooks".to_owned()],
            algorithms: Vec::new(),
            leeway: Duration::from_secs(30),
            tenant_claim: ClaimPath::new("org.id").expect("a path"),
            role_claim: ClaimPath::new("roles").expect("a path"),
            role_names: [
                ("admins", Role::TenantAdmin),
                ("readers", Role::TenantViewer),
                ("ops", Role::Operator),
            ]
            .map(|(name, role)| (name.to_owned(), role))
            .into(),
            requests_per_second: None,
        }
    }

    fn judged(change: impl FnOnce(&mut Value)) -> Result<Standing, TokenFault> {
        let mut claims = json!({"iss": "https://id.example", "aud": "callbacks", "exp": NOW + 60, "sub": "ada",
            "org": {"id": "acme"}, "roles": ["other", "readers"]});
        change(&mut claims);
        let now = OffsetDateTime::from_unix_timestamp(NOW).expect("a time");
        judge(claims.as_object().expect("an object"), &settings(), now)
    }

    fn fault(member: &str, value: Value) -> Option<TokenFault> {
        judged(|claims| claims[member] = value).err()
    }

    fn caller_with(change: impl FnOnce(&mut Value)) -> Result<Caller, String> {
        judged(change).expect("a good token").caller
    }

    #[test]
    fn a_good_token_names_tenant_role_and_subject() {
        let caller = caller_with(|_| {}).expect("a caller");
        assert_eq!((caller.tenant_key().as_str(), caller.role), ("acme", Role::TenantViewer));
        assert_eq!(&*caller.actor, "jwt:ada");
        let several = caller_with(|claims| claims["roles"] = "openid admins readers".into());
        assert_eq!(several.expect("a caller").role, Role::TenantAdmin);
        let operator = caller_with(|claims| {
            claims["org"] = Value::Null;
            claims["roles"] = "ops".into();
        });
        assert_eq!(operator.expect("a caller").role, Role::Operator);
    }

    #[test]
    fn a_token_for_somebody_else_or_another_time_is_refused() {
        for (member, value, expected) in [
            ("iss", json!("https://id.example/"), TokenFault::Issuer),
            ("iss", json!(["https://id.example"]), TokenFault::Issuer),
            ("aud", json!("callbacks2"), TokenFault::Audience),
            ("aud", json!([]), TokenFault::Audience),
            ("aud", Value::Null, TokenFault::Audience),
            ("exp", Value::Null, TokenFault::NoExpiry),
            ("exp", json!("1900000000"), TokenFault::NoExpiry),
            ("exp", json!(NOW - 30), TokenFault::Expired),
            ("exp", json!(-1), TokenFault::Expired),
            ("nbf", json!(NOW + 31), TokenFault::NotYet),
            ("nbf", json!("soon"), TokenFault::NotYet),
            ("sub", Value::Null, TokenFault::Subject),
            ("sub", json!("a\u{0}b"), TokenFault::Subject),
            ("sub", json!("a".repeat(256)), TokenFault::Subject),
        ] {
            assert_eq!(fault(member, value.clone()), Some(expected), "{member} {value}");
        }
        for (member, value) in [
            ("aud", json!(["x", "hooks"])),
            ("exp", json!(NOW - 29)),
            ("exp", json!(1_800_000_000.5)),
            ("nbf", json!(NOW + 29)),
        ] {
            assert_eq!(fault(member, value.clone()), None, "{member} {value}");
        }
    }

    #[test]
    fn a_good_token_may_grant_nothing() {
        let refusal = |change: &dyn Fn(&mut Value)| caller_with(|claims| change(claims)).err();
        for (change, expected) in [
            (&(|claims: &mut Value| claims["roles"] = json!([])) as &dyn Fn(&mut Value), "names no role"),
            (&|claims: &mut Value| claims["roles"] = json!({"admins": true}), "names no role"),
            (&|claims: &mut Value| claims["roles"] = json!("tenant-admin"), "names no role"),
            (&|claims: &mut Value| claims["org"] = Value::Null, "names no tenant"),
            (&|claims: &mut Value| claims["org"]["id"] = json!(7), "no tenant id"),
            (&|claims: &mut Value| claims["org"]["id"] = json!(" "), "no tenant id"),
            (&|claims: &mut Value| claims["roles"] = json!(["ops"]), "no operator's"),
        ] {
            let sentence = refusal(change).expect("no caller");
            assert!(sentence.contains(expected), "{sentence}");
        }
        let both = caller_with(|claims| claims["roles"] = json!(["ops", "readers"])).expect("a caller");
        assert_eq!(both.role, Role::TenantViewer, "the operator's role counts for nothing beside a tenant");
    }

    proptest! {
        #[test]
        fn no_token_with_a_tenant_is_an_operators(
            names in prop::collection::vec(prop::sample::select(vec!["ops", "admins", "readers", "x"]), 0..5),
            tenant in prop::option::of("[a-z]{1,5}"),
        ) {
            let caller = caller_with(|claims| {
                claims["roles"] = json!(names);
                claims["org"] = json!({"id": tenant});
            });
            if let Ok(caller) = caller {
                prop_assert_eq!(caller.role == Role::Operator, tenant.is_none());
                prop_assert_eq!(caller.tenant_key(), tenant.unwrap_or_default());
            }
        }
    }
}
