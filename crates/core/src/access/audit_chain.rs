//! Seals the entries of the audit log: each hash covers its entry and the hash before it, so that nothing inside a chain
//! can be changed, removed or put in without breaking it.

use callbacks_models::audit_log::{AuditEntry, AuditLink};
use sha2::{Digest, Sha256};

pub use callbacks_models::audit_log::Act;
pub use callbacks_models::change::tell_across_tenants;

/// The hash of a link. Every part is preceded by its length, so that no two entries hash the same bytes.
#[must_use]
pub fn seal(entry: &AuditEntry, number: i64, previous: &[u8]) -> [u8; 32] {
    let mut digest = Sha256::new();
    let mut part = |bytes: Option<&[u8]>| {
        digest.update([u8::from(bytes.is_some())]);
        let bytes = bytes.unwrap_or_default();
        digest.update((bytes.len() as u64).to_be_bytes());
        digest.update(bytes);
    };
    part(Some(previous));
    part(Some(&number.to_be_bytes()));
    part(Some(entry.id.as_bytes()));
    part(Some(&(entry.at.unix_timestamp_nanos() / 1000).to_be_bytes()));
    for text in [&entry.tenant_id, &entry.actor, &entry.role, &entry.operation, &entry.target] {
        part(Some(text.as_bytes()));
    }
    part(Some(&entry.status.to_be_bytes()));
    part(entry.before.as_deref().map(str::as_bytes));
    part(entry.after.as_deref().map(str::as_bytes));
    digest.finalize().into()
}

/// How far a chain has been followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Followed {
    /// Number of the last good link.
    pub number: i64,
    /// Its hash.
    pub hash: Vec<u8>,
}

impl Default for Followed {
    fn default() -> Self {
        Self { number: 0, hash: vec![0; 32] }
    }
}

impl Followed {
    /// One link further.
    ///
    /// # Errors
    /// The sentence that says what is wrong with the link.
    pub fn next(&self, link: &AuditLink) -> Result<Self, String> {
        let expected = self.number + 1;
        if link.number != expected {
            return Err(format!("entry {expected} is missing"));
        }
        if link.previous_hash != self.hash {
            return Err(format!("entry {expected} does not continue entry {}", self.number));
        }
        if link.hash != seal(&link.entry, link.number, &link.previous_hash) {
            return Err(format!("entry {expected} was changed"));
        }
        Ok(Self { number: link.number, hash: link.hash.clone() })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::OffsetDateTime;
    use uuid::Uuid;

    use super::*;

    fn entry(tag: &str) -> AuditEntry {
        AuditEntry {
            id: Uuid::from_u128(1),
            at: OffsetDateTime::UNIX_EPOCH,
            tenant_id: "acme".to_owned(),
            actor: tag.to_owned(),
            role: "operator".to_owned(),
            operation: "DELETE".to_owned(),
            target: "/x".to_owned(),
            status: 204,
            before: Some("{}".to_owned()),
            after: None,
        }
    }

    fn chain(length: i64) -> Vec<AuditLink> {
        let mut previous = Followed::default();
        (1..=length)
            .map(|number| {
                let entry = entry(&number.to_string());
                let hash = seal(&entry, number, &previous.hash).to_vec();
                let link =
                    AuditLink { entry, number, previous_hash: previous.hash.clone(), hash: hash.clone() };
                previous = Followed { number, hash };
                link
            })
            .collect()
    }

    fn follow(links: &[AuditLink]) -> Result<Followed, String> {
        links.iter().try_fold(Followed::default(), |followed, link| followed.next(link))
    }

    proptest! {
        #[test]
        fn any_change_breaks_the_chain(at in 0_usize..8, what in 0_u8..6) {
            let mut links = chain(8);
            prop_assert_eq!(follow(&links).expect("whole").number, 8);
            match what {
                0 => links[at].entry.actor.push('x'),
                1 => links[at].entry.after = Some(String::new()),
                2 => links[at].entry.status += 1,
                3 => links[at].hash[0] ^= 1,
                4 => { let copy = links[at].clone(); links.insert(at, copy); }
                _ if at == 7 => links[at].entry.at += time::Duration::microseconds(1),
                _ => { links.remove(at); }
            }
            prop_assert!(follow(&links).is_err());
        }
    }

    #[test]
    fn text_moved_between_fields_hashes_otherwise() {
        let (mut one, mut two) = (entry("a"), entry("ab"));
        one.role = "bc".to_owned();
        two.role = "c".to_owned();
        assert_ne!(seal(&one, 1, &[0; 32]), seal(&two, 1, &[0; 32]));
    }
}
