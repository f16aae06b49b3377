//! Tenants, for operators.

use std::net::IpAddr;

use callbacks_interfaces::domain_policy::DomainPolicy;
use callbacks_interfaces::field_reader::{FieldReader, Size};
use callbacks_interfaces::patch::Patch;
use callbacks_interfaces::tenant::TenantId;
use callbacks_models::tenants::{self as stored, TenantChange};
use ipnet::IpNet;
use serde_json::{Map, Value};

use super::Management;
use super::error::ManagementError;

pub use callbacks_models::tenants::StoredTenant as TenantView;

const WHAT: &str = "Tenant";
/// Most networks opened for one tenant.
const MOST_NETWORKS: usize = 100;
const NAME: Size = Size { min: 0, max: 255, message: "Name must not exceed 255 characters" };

/// Registers one from the members of a request body: `id`, `name`.
pub async fn create(desk: &Management, body: &Map<String, Value>) -> Result<TenantView, ManagementError> {
    let mut reader = FieldReader::new(body);
    let id = reader.parsed("id", "Size", |text: &str| TenantId::try_from(text));
    if id.is_none() && !body.contains_key("id") {
        reader.fail("id", "NotBlank", "id is required");
    }
    let name = reader.text("name", &NAME);
    reader.finish()?;
    let id = id.ok_or_else(|| ManagementError::field("id", "NotBlank", "id is required"))?;
    let created = stored::create(&desk.store, &id, name.as_deref()).await?;
    let conflict =
        || ManagementError::Conflict(format!("The tenant {id} is already registered, or was and is deleted"));
    created.ok_or_else(conflict)
}

/// Reads one.
pub async fn get(desk: &Management, id: &TenantId) -> Result<TenantView, ManagementError> {
    let found = stored::get(&desk.store, id).await?;
    found.ok_or_else(|| ManagementError::not_found(WHAT, id))
}

/// Changes `name`, `active`, `payloadEncryption`, `domainPolicy` and `allowedNetworks`, as far as the body mentions them.
pub async fn patch(
    desk: &Management,
    id: &TenantId,
    body: &Map<String, Value>,
) -> Result<TenantView, ManagementError> {
    let existing = get(desk, id).await?;
    let mut reader = FieldReader::new(body);
    let name = match reader.get("name") {
        Patch::Absent => existing.name,
        Patch::Null => None,
        Patch::Value(_) => reader.text("name", &NAME),
    };
    let active = reader.optional_flag("active").unwrap_or(existing.active);
    let payload_encryption = reader.optional_flag("payloadEncryption").unwrap_or(existing.payload_encryption);
    let domain_policy = match reader.get("domainPolicy") {
        Patch::Absent => existing.domain_policy,
        Patch::Null | Patch::Value(_) => reader.name_or("domainPolicy", DomainPolicy::default()),
    };
    let allowed_networks = match reader.get("allowedNetworks") {
        Patch::Absent => existing.allowed_networks,
        Patch::Null | Patch::Value(_) => networks(&mut reader),
    };
    reader.finish()?;
    let change = TenantChange { name, active, payload_encryption, domain_policy, allowed_networks };
    let written = stored::update(&desk.store, id, &change).await?;
    desk.announce().await;
    written.ok_or_else(|| ManagementError::not_found(WHAT, id))
}

/// `allowedNetworks`, in canonical form.
fn networks(reader: &mut FieldReader<'_>) -> Vec<String> {
    let networks = reader.parsed_texts("allowedNetworks", network).unwrap_or_default();
    if networks.len() > MOST_NETWORKS {
        let message = format!("allowedNetworks must not name more than {MOST_NETWORKS} networks");
        reader.fail("allowedNetworks", "Size", &message);
    }
    networks
}

/// A network, or one address.
fn network(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    let network = network.map_err(|_| "Must be a network such as 10.1.0.0/16, or an address")?;
    Ok(network.trunc().to_string())
}

/// Deletes one with everything that acts for it; its encrypted payloads can never be read again. Once deleted, it may be
/// deleted again, and its id stays taken.
pub async fn delete(desk: &Management, id: &TenantId) -> Result<(), ManagementError> {
    if !stored::delete(&desk.store, id).await? {
        return Err(ManagementError::not_found(WHAT, id));
    }
    desk.announce().await;
    Ok(())
}

/// In the order of their ids, after `after`; the flag says whether more follow.
pub async fn list(
    desk: &Management,
    after: Option<&str>,
    limit: u32,
) -> Result<(Vec<TenantView>, bool), ManagementError> {
    let mut rows = stored::list_across_tenants(&desk.store, after, i64::from(limit) + 1).await?;
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > wanted;
    rows.truncate(wanted);
    Ok((rows, more))
}
