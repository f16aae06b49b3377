//! Which algorithms may sign a token.

use std::fmt;
use std::str::FromStr;

use jsonwebtoken::Algorithm;

/// An algorithm with a private key at the provider and a public one here (RFC 7518, RFC 8037).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignatureAlgorithm(Algorithm);

/// The text names no algorithm that may sign a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be one of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA (an algorithm with a public key; none \
     and HS256 are never accepted)"
)]
pub struct UnknownAlgorithm;

const ALL: [(&str, Algorithm); 9] = [
    ("RS256", Algorithm::RS256),
    ("RS384", Algorithm::RS384),
    ("RS512", Algorithm::RS512),
    ("PS256", Algorithm::PS256),
    ("PS384", Algorithm::PS384),
    ("PS512", Algorithm::PS512),
    ("ES256", Algorithm::ES256),
    ("ES384", Algorithm::ES384),
    ("EdDSA", Algorithm::EdDSA),
];

impl SignatureAlgorithm {
    /// As the library knows it.
    pub(super) const fn library(self) -> Algorithm {
        self.0
    }
}

impl FromStr for SignatureAlgorithm {
    type Err = UnknownAlgorithm;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = ALL.into_iter().find(|(name, _)| *name == text);
        known.map(|(_, algorithm)| Self(algorithm)).ok_or(UnknownAlgorithm)
    }
}

impl fmt::Display for SignatureAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = ALL.into_iter().find(|(_, algorithm)| *algorithm == self.0);
        f.write_str(known.map_or("?", |(name, _)| name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_algorithms_with_a_public_key_have_a_name() {
        for (name, _) in ALL {
            assert_eq!(name.parse::<SignatureAlgorithm>().expect("known").to_string(), name);
        }
        for text in ["none", "None", "", "HS256", "HS384", "HS512", "rs256", "RS1", "ES512"] {
            assert_eq!(text.parse::<SignatureAlgorithm>(), Err(UnknownAlgorithm), "{text}");
        }
    }
}
