//! Whose token this is.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::crypto::verify;
use jsonwebtoken::{Algorithm, DecodingKey};
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::claims::{self, Standing, TokenFault};
use super::key_set_keeper::{Edition, KeySetKeeper};
use super::pace::Paces;
use super::settings::TokenSettings;
use crate::access::caller::Caller;
use crate::access::key_ring::{KeyRing, Refusal};
use crate::clock::Clock;

/// Longest token, in bytes.
const TOKEN_MAX: usize = 8192;
/// Tokens whose judgement is remembered; beyond it remembering begins anew.
const REMEMBERED_MAX: usize = 10_000;
/// How long a caller should wait while the provider's keys cannot be had.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Recognises tokens.
pub struct TokenReader {
    settings: TokenSettings,
    keys: Arc<KeySetKeeper>,
    /// Knows which tenants were switched off.
    ring: Arc<KeyRing>,
    clock: Arc<dyn Clock>,
    paces: Paces,
    /// By SHA-256 of the token: checking a signature costs fifty times as much as finding it here.
    remembered: Mutex<HashMap<[u8; 32], (u64, Standing)>>,
}

/// The header of a token, as far as it is believed.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    crit: Option<Value>,
}

/// A token in its parts.
struct Parts<'a> {
    signed: &'a str,
    payload: &'a str,
    signature: &'a str,
    algorithm: Algorithm,
    key_id: Option<String>,
}

impl TokenReader {
    /// A reader of one provider's tokens.
    pub fn new(
        settings: TokenSettings,
        keys: Arc<KeySetKeeper>,
        ring: Arc<KeyRing>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let paces = Paces::new(settings.requests_per_second);
        Self { settings, keys, ring, clock, paces, remembered: Mutex::default() }
    }

    /// Whose token this is. A token that names an unknown key has the provider asked for it once.
    ///
    /// # Errors
    /// When it is nobody's, grants nothing, cannot be checked, or is used too often.
    pub async fn recognise(&self, token: &str) -> Result<Caller, Refusal> {
        if token.len() > TOKEN_MAX {
            return Err(Refusal::Token(TokenFault::Malformed));
        }
        let fingerprint: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        let edition = self.keys.current();
        let standing = match edition.as_deref().and_then(|edition| self.recall(&fingerprint, edition.number))
        {
            Some(standing) => standing,
            None => self.examine(token, fingerprint, edition).await?,
        };
        if standing.until <= claims::seconds(self.clock.now()) {
            return Err(Refusal::Token(TokenFault::Expired));
        }
        let caller = standing.caller.map_err(Refusal::Powerless)?;
        self.ring.tenant_in_good_standing(&caller.scope)?;
        let paced = self.paces.take(&caller.actor, self.clock.monotonic());
        paced.map_err(|retry_after| Refusal::TooMany { retry_after })?;
        Ok(caller)
    }

    fn recall(&self, fingerprint: &[u8; 32], edition: u64) -> Option<Standing> {
        let remembered = self.remembered.lock();
        let (under, standing) = remembered.get(fingerprint)?;
        (*under == edition).then(|| standing.clone())
    }

    async fn examine(
        &self,
        token: &str,
        fingerprint: [u8; 32],
        edition: Option<Arc<Edition>>,
    ) -> Result<Standing, Refusal> {
        let parts = self.take_apart(token).map_err(Refusal::Token)?;
        let mut edition = edition;
        let is_known = |edition: &Arc<Edition>| parts.key(edition).is_some();
        if !edition.as_ref().is_some_and(is_known) {
            self.keys.refresh().await;
            edition = self.keys.current();
        }
        let edition = edition.ok_or(Refusal::Unavailable { retry_after: RETRY_AFTER })?;
        if !parts.is_signed(&edition) {
            return Err(Refusal::Token(TokenFault::Signature));
        }
        let claims = claims_of(parts.payload).ok_or(Refusal::Token(TokenFault::Malformed))?;
        let standing = claims::judge(&claims, &self.settings, self.clock.now()).map_err(Refusal::Token)?;
        let mut remembered = self.remembered.lock();
        if remembered.len() >= REMEMBERED_MAX {
            remembered.clear();
        }
        remembered.insert(fingerprint, (edition.number, standing.clone()));
        Ok(standing)
    }

    fn take_apart<'a>(&self, token: &'a str) -> Result<Parts<'a>, TokenFault> {
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenFault::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(TokenFault::Malformed)?;
        if payload.contains('.') || signature.is_empty() && payload.is_empty() {
            return Err(TokenFault::Malformed);
        }
        let header = URL_SAFE_NO_PAD.decode(header).ok().and_then(|json| serde_json::from_slice(&json).ok());
        let header: Header = header.ok_or(TokenFault::Malformed)?;
        let allowed = |algorithm: &Algorithm| format!("{algorithm:?}") == header.alg;
        let mut algorithms = self.settings.algorithms.iter().map(|algorithm| algorithm.library());
        let algorithm = algorithms.find(allowed).ok_or(TokenFault::Algorithm)?;
        if header.crit.is_some() || !is_token_type(header.typ.as_deref()) {
            return Err(TokenFault::Header);
        }
        Ok(Parts { signed, payload, signature, algorithm, key_id: header.kid })
    }
}

/// `typ` is optional; if it is there it says that this is a JWT or an access token (RFC 9068, 2.1).
fn is_token_type(name: Option<&str>) -> bool {
    let Some(name) = name else { return true };
    let name = name.to_ascii_lowercase();
    matches!(name.strip_prefix("application/").unwrap_or(&name), "jwt" | "at+jwt")
}

impl Parts<'_> {
    fn key<'a>(&self, edition: &'a Edition) -> Option<&'a DecodingKey> {
        edition.keys.key(self.algorithm, self.key_id.as_deref())
    }

    fn is_signed(&self, edition: &Edition) -> bool {
        let check =
            |key| verify(self.signature, self.signed.as_bytes(), key, self.algorithm).unwrap_or(false);
        self.key(edition).is_some_and(check)
    }
}

fn claims_of(payload: &str) -> Option<Map<String, Value>> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
}
