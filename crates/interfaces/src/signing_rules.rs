//! The rules for how a configuration signs: schemes, headers, and the secrets they need.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::configuration_draft::StoredSecret;
use crate::field_reader::{FieldReader, Size};
use crate::masked;
use crate::named_enum::NamedEnum as _;
use crate::patch::Patch;
use crate::secret::{SECRET_MAX_CHARS, SecretText};
use crate::signature_choice::{SIGNATURE_SCHEMES_MAX, SignatureChoice};
use crate::signature_scheme::SignatureScheme;
use crate::whsec;
use crate::wire_headers::{CustomHeaderRules, signature_header_problem};
use crate::wire_profile::{ProfileSigning, WireProfile};

/// What a body says about signing.
pub(crate) struct Signing {
    pub(crate) secret: Patch<SecretText>,
    pub(crate) enabled: bool,
    pub(crate) header: Option<String>,
    pub(crate) schemes: Option<Vec<SignatureChoice>>,
    /// The headers that carry signatures.
    headers: Vec<String>,
}

/// Reads it. `signatureEnabled` left out follows from what else is said: naming schemes means signing, and
/// profiles whose systems always sign do.
pub(crate) fn read_signing(
    reader: &mut FieldReader<'_>,
    profile: WireProfile,
    stored: StoredSecret,
) -> Signing {
    let secret = read_secret(reader);
    let schemes = read_schemes(reader);
    let header = read_header(reader);
    let used = used_schemes(profile, schemes.as_deref(), header.as_deref());
    let has_secret = stored.survives(&secret);
    let implied = match (&schemes, profile.signing()) {
        (Some(_), _) => !used.is_empty(),
        (None, ProfileSigning::OnRequest) => false,
        (None, ProfileSigning::WithSecret) => has_secret,
        (None, ProfileSigning::Always) => true,
    };
    let enabled = reader.optional_flag("signatureEnabled").unwrap_or(implied);
    if enabled && !has_secret && used.iter().any(|(scheme, _)| scheme.needs_secret()) {
        let message = "Secret is required when signatureEnabled is true";
        reader.fail("secret", "NotBlank", message);
    }
    if enabled && let Patch::Value(secret) = &secret {
        check_form(reader, secret, &used);
    }
    check_distinct(reader, &used);
    let headers = if enabled { used.into_iter().map(|(_, header)| header).collect() } else { Vec::new() };
    Signing { secret, enabled, header, schemes, headers }
}

/// The schemes that sign, each with its header; the configuration's `signatureHeader` renames the first.
fn used_schemes(
    profile: WireProfile,
    schemes: Option<&[SignatureChoice]>,
    header: Option<&str>,
) -> Vec<(SignatureScheme, String)> {
    let default = [SignatureChoice::Usual(profile.default_scheme())];
    schemes
        .unwrap_or(&default)
        .iter()
        .filter(|choice| choice.scheme() != SignatureScheme::None)
        .enumerate()
        .map(|(position, choice)| {
            let first = header.filter(|_| position == 0);
            let usual = profile.header_of(choice.scheme());
            (choice.scheme(), choice.header().or(first).unwrap_or(usual).to_owned())
        })
        .collect()
}

fn read_schemes(reader: &mut FieldReader<'_>) -> Option<Vec<SignatureChoice>> {
    const FIELD: &str = "signatureSchemes";
    let value = reader.get(FIELD).value()?;
    let Value::Array(items) = value else {
        reader.refuse(FIELD, "TypeMismatch", "signatureSchemes must be an array of schemes", value);
        return None;
    };
    if items.len() > SIGNATURE_SCHEMES_MAX {
        reader.fail(FIELD, "Size", "At most 8 signature schemes may be specified");
        return None;
    }
    let read = |(index, item)| read_choice(reader, &format!("{FIELD}[{index}]"), item);
    Some(items.iter().enumerate().filter_map(read).collect())
}

fn read_choice(reader: &mut FieldReader<'_>, field: &str, item: &Value) -> Option<SignatureChoice> {
    let (name, header) = match item {
        Value::String(name) => (name.as_str(), None),
        Value::Object(members) => {
            let name = members.get("scheme").and_then(Value::as_str).unwrap_or_default();
            (name, members.get("header").filter(|header| !header.is_null()))
        }
        _ => ("", None),
    };
    let Some(scheme) = <SignatureScheme as crate::named_enum::NamedEnum>::from_name(name) else {
        let message = format!("{field} must be one of {}", SignatureScheme::allowed_names());
        reader.refuse(field, "Enum", message, item);
        return None;
    };
    match header {
        None => Some(SignatureChoice::Usual(scheme)),
        Some(Value::String(header)) => {
            if let Some(problem) = signature_header_problem(header) {
                reader.refuse(&format!("{field}.header"), "Pattern", problem, item);
            }
            Some(SignatureChoice::Renamed { scheme, header: header.clone() })
        }
        Some(_) => {
            reader.refuse(&format!("{field}.header"), "TypeMismatch", "header must be a string", item);
            None
        }
    }
}

fn read_header(reader: &mut FieldReader<'_>) -> Option<String> {
    let header = reader.text("signatureHeader", &SIGNATURE_HEADER)?;
    if header.len() <= SIGNATURE_HEADER.max
        && let Some(problem) = signature_header_problem(&header)
    {
        let value = Value::String(header.clone());
        reader.refuse("signatureHeader", "Pattern", problem, &value);
    }
    Some(header)
}

/// A secret some scheme could not use would make every delivery wait: refused where it is written.
fn check_form(reader: &mut FieldReader<'_>, secret: &SecretText, used: &[(SignatureScheme, String)]) {
    let schemes: Vec<SignatureScheme> = used.iter().map(|(scheme, _)| *scheme).collect();
    for problem in whsec::form_problems(secret.expose(), &schemes) {
        reader.fail("secret", "Pattern", problem.to_string());
    }
}

fn check_distinct(reader: &mut FieldReader<'_>, used: &[(SignatureScheme, String)]) {
    for (position, (scheme, header)) in used.iter().enumerate() {
        let clash = used
            .iter()
            .take(position)
            .find(|(other, taken)| taken.eq_ignore_ascii_case(header) && !scheme.shares_header_with(*other));
        if let Some((other, _)) = clash {
            let message = format!("{scheme} and {other} cannot both be in the header {header}");
            reader.fail("signatureSchemes", "Duplicate", message);
        }
    }
}

/// An empty secret means none. No error ever quotes a secret.
fn read_secret(reader: &mut FieldReader<'_>) -> Patch<SecretText> {
    let text = match reader.get("secret") {
        Patch::Absent => return Patch::Absent,
        Patch::Null => return Patch::Null,
        Patch::Value(Value::String(text)) if text.is_empty() => return Patch::Null,
        Patch::Value(Value::String(text)) => text,
        Patch::Value(_) => {
            reader.fail("secret", "TypeMismatch", "secret must be a string");
            return Patch::Absent;
        }
    };
    match SecretText::try_from(text.clone()) {
        Ok(secret) => Patch::Value(secret),
        Err(error) => {
            let too_long = text.chars().count() > SECRET_MAX_CHARS;
            let code = if too_long { "Size" } else { "Pattern" };
            reader.fail("secret", code, error.to_string());
            Patch::Absent
        }
    }
}

/// Reads `customHeaders`, which no signature's header may be among.
pub(crate) fn read_custom_headers(
    reader: &mut FieldReader<'_>,
    stored: Option<&BTreeMap<String, String>>,
    profile: WireProfile,
    signing: &Signing,
) -> Option<BTreeMap<String, String>> {
    let mut headers = reader.text_map("customHeaders");
    masked::restore(&mut headers, stored);
    let mut taken: Vec<&str> = signing.headers.iter().map(String::as_str).collect();
    taken.extend(signing.header.as_deref());
    let rules = CustomHeaderRules { taken: &taken, content_type_is_free: profile.content_type_is_free() };
    if let Some(headers) = &headers {
        for problem in rules.problems(headers) {
            reader.fail(&problem.field, &problem.code, problem.message);
        }
    }
    headers
}

const SIGNATURE_HEADER: Size =
    Size { min: 0, max: 100, message: "Signature header must not exceed 100 characters" };
