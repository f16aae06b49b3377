//! The one table of role and operation.

use super::operation::Operation;
use super::role::Role;

/// Whether a role may do something. There is no other place that decides it.
#[must_use]
pub fn permits(role: Role, operation: Operation) -> bool {
    use Role::{Operator, TenantAdmin, TenantProducer, TenantViewer};
    let roles: &[Role] = match operation {
        Operation::SendEvents => &[Operator, TenantAdmin, TenantProducer],
        Operation::ReadEvents => &[Operator, TenantAdmin, TenantProducer, TenantViewer],
        Operation::ReplayEvents => &[Operator, TenantAdmin],
        Operation::ReadEventTypes => &[Operator, TenantAdmin, TenantProducer, TenantViewer],
        Operation::ChangeEventTypes => &[Operator, TenantAdmin],
        Operation::ReadConfigurations => &[Operator, TenantAdmin, TenantViewer],
        Operation::ChangeConfigurations => &[Operator, TenantAdmin],
        Operation::ReadDomains => &[Operator, TenantAdmin, TenantViewer],
        Operation::ChangeDomains => &[Operator, TenantAdmin],
        Operation::ReadSubscriptions => &[Operator, TenantAdmin, TenantViewer],
        Operation::ChangeSubscriptions => &[Operator, TenantAdmin],
        Operation::ReadExecutions => &[Operator, TenantAdmin, TenantProducer, TenantViewer],
        Operation::ReadDeliveries => &[Operator, TenantAdmin, TenantProducer, TenantViewer],
        Operation::ChangeDeliveries => &[Operator, TenantAdmin],
        Operation::ReadAuditLog => &[Operator, TenantAdmin],
        Operation::ReadTenantsAndKeys => &[Operator],
        Operation::ChangeTenantsAndKeys => &[Operator],
        Operation::ReadMetrics => &[Operator],
    };
    roles.contains(&role)
}
