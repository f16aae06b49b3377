//! How a body says who calls an endpoint and who may answer: `endpointAuth` and `tls`, and what they rule out elsewhere.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::callback_url::CallbackUrl;
use crate::endpoint_auth::EndpointAuth;
use crate::endpoint_tls::EndpointTls;
use crate::field_reader::FieldReader;
use crate::patch::Patch;

/// Whether the configuration has them already, and keeps them when the body says `null`, all a reader ever sees of them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct StoredIdentity {
    pub(crate) auth: bool,
    pub(crate) tls: bool,
    pub(crate) kept_on_null: bool,
}

/// Reads one of them. A text or a list in its place may be a secret at the wrong level, so it is not quoted.
fn read_member<T>(
    reader: &mut FieldReader<'_>,
    name: &str,
    kept_on_null: bool,
    read: impl FnOnce(&mut FieldReader<'_>) -> Option<T>,
) -> Patch<T> {
    match reader.get(name) {
        Patch::Absent => Patch::Absent,
        Patch::Null if kept_on_null => Patch::Absent,
        Patch::Null => Patch::Null,
        Patch::Value(Value::Object(_)) => reader.nested(name, read).map_or(Patch::Absent, Patch::Value),
        Patch::Value(_) => {
            reader.fail(name, "TypeMismatch", format!("{name} must be an object"));
            Patch::Absent
        }
    }
}

/// Reads both, and refuses what cannot go together with them.
pub(crate) fn read_identity(
    reader: &mut FieldReader<'_>,
    stored: StoredIdentity,
    url: Option<&CallbackUrl>,
    custom_headers: Option<&BTreeMap<String, String>>,
) -> (Patch<EndpointAuth>, Patch<EndpointTls>) {
    let auth = read_member(reader, "endpointAuth", stored.kept_on_null, EndpointAuth::read);
    let tls = read_member(reader, "tls", stored.kept_on_null, EndpointTls::read);
    let remains = |written: bool, absent: bool, stored: bool| written || (absent && stored);
    let authorization = custom_headers
        .and_then(|headers| headers.keys().find(|name| name.eq_ignore_ascii_case("authorization")));
    if remains(matches!(auth, Patch::Value(_)), matches!(auth, Patch::Absent), stored.auth)
        && let Some(name) = authorization
    {
        let message = "endpointAuth already sets the Authorization header; remove one of the two";
        reader.fail(&format!("customHeaders.{name}"), "Duplicate", message);
    }
    if remains(matches!(tls, Patch::Value(_)), matches!(tls, Patch::Absent), stored.tls)
        && url.is_some_and(|url| !url.is_https())
    {
        reader.fail("tls", "Pattern", "tls needs a URL that starts with https://");
    }
    (auth, tls)
}
