//! A stored secret opens only as it was sealed, only in its place.

use callbacks_interfaces::tenant::TenantId;
use callbacks_models::secret_column::{SecretKeyring, SecretPlace};
use uuid::Uuid;
use zeroize::Zeroizing;

/// The bytes are taken as a stored text, as a secret to seal, and as damage to what was sealed.
pub fn survives(data: &[u8]) {
    let ring = SecretKeyring::new(("k1".to_owned(), Zeroizing::new([7; 32])), []).expect("a keyring");
    let (here, there) = (tenant("here"), tenant("there"));
    let place = |tenant| SecretPlace { tenant, row: Uuid::from_u128(1), column: "secret" };
    let Ok(text) = std::str::from_utf8(data) else { return };
    assert!(ring.open(place(&here), text).is_err(), "nobody writes a secret without the key");
    let sealed = ring.seal(place(&here), text).expect("sealed");
    assert_eq!(ring.open(place(&here), &sealed).expect("opened").as_str(), text);
    assert!(ring.open(place(&there), &sealed).is_err(), "another tenant's row");
    let (at, flip) = (usize::from(data.first().copied().unwrap_or(0)), data.last().copied().unwrap_or(1) | 1);
    let mut damaged = sealed.into_bytes();
    let at = at % damaged.len();
    damaged[at] ^= flip;
    let Ok(damaged) = String::from_utf8(damaged) else { return };
    assert!(ring.open(place(&here), &damaged).is_err(), "damaged at {at}");
}

fn tenant(text: &str) -> TenantId {
    TenantId::try_from(text).expect("a tenant id")
}
