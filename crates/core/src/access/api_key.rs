//! The text of an API key, `cbk_<id>_<secret>`: made, taken apart, compared.
//!
//! Both halves are lower-case hexadecimal, so that a key survives every shell, header and double click. The id (a UUID)
//! says which key it is and may be seen by anyone; the secret has 256 random bits and is shown once.

use callbacks_interfaces::secret::SecretText;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;

/// What every key begins with, so that people and scanners recognise it.
pub const PREFIX: &str = "cbk_";
const ID_DIGITS: usize = 32;
const SECRET_DIGITS: usize = 64;

/// SHA-256 of a key's secret half: all that is stored of it.
pub type SecretHash = [u8; 32];

/// A new key: the only moment at which its text exists.
pub struct IssuedKey {
    /// The public half.
    pub id: Uuid,
    /// What is stored of the secret half.
    pub secret_hash: SecretHash,
    /// The whole key, to be shown once.
    pub text: SecretText,
}

/// What a caller presented, reduced to what is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresentedKey {
    /// The public half.
    pub id: Uuid,
    secret_hash: SecretHash,
}

impl IssuedKey {
    /// A key from the machine's random numbers; `None` never happens (the text is shorter than a secret may be).
    #[must_use]
    pub fn generate() -> Option<Self> {
        Self::of(Uuid::now_v7(), &rand::random())
    }

    fn of(id: Uuid, secret: &[u8; 32]) -> Option<Self> {
        let text = format!("{PREFIX}{}_{}", id.simple(), hex::encode(secret));
        Some(Self { id, secret_hash: hash(secret), text: SecretText::try_from(text).ok()? })
    }
}

impl PresentedKey {
    /// Takes a key apart; `None` for anything that is not exactly one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
        if id.len() != ID_DIGITS
            || secret.len() != SECRET_DIGITS
            || !is_lower_hex(id)
            || !is_lower_hex(secret)
        {
            return None;
        }
        let mut bytes = [0; 32];
        hex::decode_to_slice(secret, &mut bytes).ok()?;
        Some(Self { id: Uuid::try_parse(id).ok()?, secret_hash: hash(&bytes) })
    }

    /// Whether the secret half is the one that was stored. Takes the same time wherever they differ.
    #[must_use]
    pub fn matches(&self, stored: &SecretHash) -> bool {
        self.secret_hash.ct_eq(stored).into()
    }
}

fn is_lower_hex(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn hash(secret: &[u8; 32]) -> SecretHash {
    Sha256::digest(secret).into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_issued_key_is_recognised(id: u128, secret: [u8; 32]) {
            let issued = IssuedKey::of(Uuid::from_u128(id), &secret).expect("a key");
            let presented = PresentedKey::parse(issued.text.expose()).expect("parses");
            prop_assert_eq!(presented.id, issued.id);
            prop_assert!(presented.matches(&issued.secret_hash));
        }

        #[test]
        fn any_other_secret_is_not(id: u128, secret: [u8; 32], place in 0_usize..64) {
            let issued = IssuedKey::of(Uuid::from_u128(id), &secret).expect("a key");
            let mut text = issued.text.expose().to_owned().into_bytes();
            let at = text.len() - 64 + place;
            text[at] = if text[at] == b'0' { b'1' } else { b'0' };
            let text = String::from_utf8(text).expect("ASCII");
            prop_assert!(!PresentedKey::parse(&text).expect("parses").matches(&issued.secret_hash));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,120}") {
            let _ = PresentedKey::parse(&text);
            let _ = PresentedKey::parse(&format!("{PREFIX}{text}"));
        }

        #[test]
        fn a_key_cut_or_lengthened_is_none(id: u128, secret: [u8; 32], cut in 0_usize..101, more in "[0-9a-f_ ]{1,3}") {
            let issued = IssuedKey::of(Uuid::from_u128(id), &secret).expect("a key");
            let text = issued.text.expose();
            prop_assert_eq!(PresentedKey::parse(&text[..cut]), None);
            prop_assert_eq!(PresentedKey::parse(&format!("{text}{more}")), None);
        }
    }

    #[test]
    fn keys_differ_and_hide_themselves() {
        let (one, two) = (IssuedKey::generate().expect("a key"), IssuedKey::generate().expect("a key"));
        assert_ne!(one.text.expose(), two.text.expose());
        assert_ne!(one.secret_hash, two.secret_hash);
        assert_eq!(one.text.expose().len(), 101);
        assert!(PresentedKey::parse(&one.text.expose().to_uppercase()).is_none());
    }
}
