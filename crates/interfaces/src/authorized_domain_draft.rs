//! An authorized domain as a caller wants it: the validated form of a write.

use std::net::IpAddr;

use serde_json::{Map, Value};
use time::OffsetDateTime;

use crate::authorized_domain::AuthorizedDomain;
use crate::configuration_draft::as_members;
use crate::configuration_rules::read_tenant;
use crate::domain_pattern::DomainPattern;
use crate::field_errors::ValidationErrors;
use crate::field_reader::{Bounds, FieldReader, Size};
use crate::patch::Patch;
use crate::tenant::TenantId;

/// Everything a caller may ask for. Counters and timestamps are checked and ignored.
#[derive(Clone, Debug, PartialEq)]
pub struct AuthorizedDomainDraft {
    /// The hosts it stands for, in canonical form.
    pub domain: DomainPattern,
    /// Who the domain belongs to.
    pub organization: Option<String>,
    /// Whom to write to about it.
    pub contact_email: Option<String>,
    /// What the body says about `verified`; only an operator may decide it.
    pub verified_requested: Option<bool>,
    /// What the body says about how it was verified.
    pub verification_method: Option<String>,
    /// A token the body names; the service makes its own when there is none.
    pub verification_token: Option<String>,
    /// Whether callbacks may be sent to it.
    pub active: bool,
    /// Paths callbacks may be sent to; each starts with `/` or `*`.
    pub allowed_paths: Option<Vec<String>>,
    /// Most callbacks a minute, 1 to 10000.
    pub max_callbacks_per_minute: i32,
    /// Addresses the host may resolve to; each an IP address or a CIDR block.
    pub ip_whitelist: Option<Vec<String>>,
    /// Whether only `https` is allowed.
    pub require_https: bool,
    /// The tenant the body names; the caller's credential decides whether it may.
    pub tenant_id: Option<TenantId>,
    /// Notes for people.
    pub notes: Option<String>,
    /// Anything the tenant wants to remember.
    pub metadata: Option<Map<String, Value>>,
    /// When the authorization ends.
    pub expires_at: Option<OffsetDateTime>,
    /// Who authorizes it.
    pub authorized_by: Option<String>,
}

impl AuthorizedDomainDraft {
    /// A new domain (POST): omitted fields take their defaults.
    ///
    /// # Errors
    /// Everything that is wrong with the body.
    pub fn create(body: &Map<String, Value>) -> Result<Self, ValidationErrors> {
        read(body)
    }

    /// All fields anew (PUT): omitted fields take their defaults.
    ///
    /// # Errors
    /// Everything that is wrong with the body.
    pub fn replace(body: &Map<String, Value>) -> Result<Self, ValidationErrors> {
        read(body)
    }

    /// Some fields anew (PATCH): absent keeps, `null` clears or resets to the default.
    ///
    /// # Errors
    /// Everything that is wrong with the result.
    pub fn patched(existing: &AuthorizedDomain, body: &Map<String, Value>) -> Result<Self, ValidationErrors> {
        let mut merged = as_members(existing);
        // Asking for what is already so would look like a wish to verify.
        merged.remove("verified");
        merged.extend(body.clone());
        read(&merged)
    }
}

fn read(body: &Map<String, Value>) -> Result<AuthorizedDomainDraft, ValidationErrors> {
    let mut reader = FieldReader::new(body);
    let r = &mut reader;
    let domain = read_domain(r);
    let organization = r.text("organization", &ORGANIZATION);
    let email_message = "Contact email must be a valid email address";
    let contact_email = r.email("contactEmail", email_message, &CONTACT_EMAIL);
    let verified_requested = r.optional_flag("verified");
    let verification_method = r.text("verificationMethod", &VERIFICATION_METHOD);
    let verification_token = r.text("verificationToken", &VERIFICATION_TOKEN);
    let active = r.flag_or_true("active");
    let allowed_paths = r.parsed_texts("allowedPaths", allowed_path);
    let max_callbacks_per_minute = r.int32("maxCallbacksPerMinute", 100, &MAX_PER_MINUTE);
    let ip_whitelist = r.parsed_texts("ipWhitelist", ip_or_cidr);
    let require_https = r.flag_or_true("requireHttps");
    let tenant_id = read_tenant(r);
    let notes = r.text("notes", &NOTES);
    let metadata = r.any_object("metadata");
    let expires_at = r.instant("expiresAt");
    let authorized_by = r.text("authorizedBy", &AUTHORIZED_BY);
    // Server-owned: checked as the contract says, then ignored.
    r.integer("totalCallbacks", &TOTAL_CALLBACKS);
    r.integer("totalFailed", &TOTAL_FAILED);
    reader.finish()?;
    let domain = domain.ok_or_else(|| ValidationErrors::one("domain", "NotBlank", "Domain is required"))?;
    Ok(AuthorizedDomainDraft {
        domain,
        organization,
        contact_email,
        verified_requested,
        verification_method,
        verification_token,
        active,
        allowed_paths,
        max_callbacks_per_minute,
        ip_whitelist,
        require_https,
        tenant_id,
        notes,
        metadata,
        expires_at,
        authorized_by,
    })
}

fn read_domain(reader: &mut FieldReader<'_>) -> Option<DomainPattern> {
    let text = reader.required_text("domain", "Domain is required", &DOMAIN);
    let Patch::Value(_) = reader.get("domain") else {
        return None;
    };
    if text.trim().is_empty() || text.chars().count() > DOMAIN.max {
        return None;
    }
    reader.parsed("domain", "Pattern", |text| DomainPattern::try_from(text))
}

fn allowed_path(path: &str) -> Result<String, &'static str> {
    let plain = path.chars().all(|c| !c.is_control() && !c.is_whitespace());
    if plain && path.len() <= 2048 && path.starts_with(['/', '*']) {
        Ok(path.to_owned())
    } else {
        Err("An allowed path must start with / or *, without white space, at most 2048 bytes")
    }
}

fn ip_or_cidr(text: &str) -> Result<String, &'static str> {
    const MESSAGE: &str = "Must be an IP address or a CIDR block such as 203.0.113.0/24";
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    let bits: u8 = match address.parse::<IpAddr>().map_err(|_| MESSAGE)? {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    };
    let fits = |length: &str| {
        length.bytes().all(|b| b.is_ascii_digit()) && length.parse::<u8>().is_ok_and(|length| length <= bits)
    };
    if length.is_none_or(fits) { Ok(text.to_owned()) } else { Err(MESSAGE) }
}

const DOMAIN: Size = Size { min: 1, max: 255, message: "Domain must be between 1 and 255 characters" };
const ORGANIZATION: Size = Size { min: 0, max: 255, message: "Organization must not exceed 255 characters" };
const CONTACT_EMAIL: Size =
    Size { min: 0, max: 255, message: "Contact email must not exceed 255 characters" };
const VERIFICATION_METHOD: Size =
    Size { min: 0, max: 50, message: "Verification method must not exceed 50 characters" };
const VERIFICATION_TOKEN: Size =
    Size { min: 0, max: 500, message: "Verification token must not exceed 500 characters" };
const NOTES: Size = Size { min: 0, max: 2000, message: "Notes must not exceed 2000 characters" };
const AUTHORIZED_BY: Size =
    Size { min: 0, max: 255, message: "Authorized by must not exceed 255 characters" };
const MAX_PER_MINUTE: Bounds<i64> = Bounds {
    min: 1,
    below: "Max callbacks per minute must be at least 1",
    max: 10_000,
    above: "Max callbacks per minute must not exceed 10000",
};
const TOTAL_CALLBACKS: Bounds<i64> = Bounds {
    min: 0,
    below: "Total callbacks must be non-negative",
    max: i64::MAX,
    above: "Total callbacks is too large",
};
const TOTAL_FAILED: Bounds<i64> = Bounds {
    min: 0,
    below: "Total failed must be non-negative",
    max: i64::MAX,
    above: "Total failed is too large",
};
