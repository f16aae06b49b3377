//! What can be asked of the service, as far as permission tells it apart.

/// A kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Send events.
    SendEvents,
    /// Read events and explain where one would go.
    ReadEvents,
    /// Deliver events again.
    ReplayEvents,
    /// Read the catalogue of event types.
    ReadEventTypes,
    /// Change the catalogue of event types.
    ChangeEventTypes,
    /// Read callback configurations and their statistics.
    ReadConfigurations,
    /// Create, change, pause and delete callback configurations, rotate their secrets, send test events.
    ChangeConfigurations,
    /// Read authorized domains.
    ReadDomains,
    /// Create, change, prove and delete authorized domains.
    ChangeDomains,
    /// Read event subscriptions and quarantined messages.
    ReadSubscriptions,
    /// Create, change and delete event subscriptions, replay and discard quarantined messages.
    ChangeSubscriptions,
    /// Read executions.
    ReadExecutions,
    /// Read deliveries.
    ReadDeliveries,
    /// Retry and cancel deliveries.
    ChangeDeliveries,
    /// Read the audit log.
    ReadAuditLog,
    /// Read tenants and API keys.
    ReadTenantsAndKeys,
    /// Create and change tenants, create and revoke API keys.
    ChangeTenantsAndKeys,
    /// Read metrics and the version of the build.
    ReadMetrics,
}
