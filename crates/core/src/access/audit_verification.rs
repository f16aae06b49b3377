//! Reads the chains of the audit log back and says whether they are whole.

use callbacks_models::audit_log as stored;
use callbacks_models::error::StoreError;
use callbacks_models::store::Store;

use super::audit_chain::Followed;

/// Links read at once.
const STRETCH: i64 = 1000;

/// What became of one chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainReport {
    /// Whose chain; empty for the service itself.
    pub tenant_id: String,
    /// Good entries from its beginning.
    pub entries: i64,
    /// Hash of the last good entry, hexadecimal. Kept elsewhere, it proves later that nothing was rewritten.
    pub hash: String,
    /// What is wrong after that, if anything.
    pub fault: Option<String>,
}

/// Follows every chain from its beginning to its end.
///
/// # Errors
/// When the database fails.
pub async fn verify_across_tenants(store: &Store) -> Result<Vec<ChainReport>, StoreError> {
    let mut reports = Vec::new();
    for head in stored::heads_across_tenants(store).await? {
        let (followed, fault) = follow(store, &head.tenant_id, head.number).await?;
        let cut = || {
            (followed.number != head.number || followed.hash != head.hash).then(|| {
                format!("the chain ends at entry {}, by the books at {}", followed.number, head.number)
            })
        };
        let fault = fault.or_else(cut);
        let hash = hex::encode(&followed.hash);
        reports.push(ChainReport { tenant_id: head.tenant_id, entries: followed.number, hash, fault });
    }
    Ok(reports)
}

/// Entries appended after the books were read are left to the next verification.
async fn follow(store: &Store, tenant_id: &str, end: i64) -> Result<(Followed, Option<String>), StoreError> {
    let mut followed = Followed::default();
    loop {
        let links = stored::stretch(store, tenant_id, followed.number, STRETCH).await?;
        if links.is_empty() || (followed.number == end && end > 0) {
            return Ok((followed, None));
        }
        for link in links.iter().take_while(|link| end == 0 || link.number <= end) {
            match followed.next(link) {
                Ok(next) => followed = next,
                Err(fault) => return Ok((followed, Some(fault))),
            }
        }
        if followed.number == end {
            return Ok((followed, None));
        }
    }
}
