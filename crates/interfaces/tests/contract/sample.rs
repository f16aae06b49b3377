//! Sample views, built from drafts as the database would give them back.

use callbacks_interfaces::authorized_domain::AuthorizedDomain;
use callbacks_interfaces::authorized_domain_draft::AuthorizedDomainDraft;
use callbacks_interfaces::callback_configuration::CallbackConfiguration;
use callbacks_interfaces::callback_execution::{CallbackExecution, ExecutionStatus, PhaseTimingsView};
use callbacks_interfaces::configuration_draft::ConfigurationDraft;
use callbacks_interfaces::event_subscription::EventSubscription;
use callbacks_interfaces::event_subscription_draft::EventSubscriptionDraft;
use callbacks_interfaces::ids::DeliveryId;
use callbacks_interfaces::masked::WithheldSecret;
use callbacks_interfaces::patch::Patch;
use callbacks_interfaces::tenant::TenantId;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

const EPOCH: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

/// The members of a body written as `json!({…})`.
pub(crate) fn members(body: Value) -> Map<String, Value> {
    match body {
        Value::Object(members) => members,
        other => panic!("not an object: {other}"),
    }
}

/// The view of a stored draft.
pub(crate) fn configuration(draft: ConfigurationDraft) -> CallbackConfiguration {
    let texts = |patterns: Vec<_>| patterns.iter().map(ToString::to_string).collect();
    CallbackConfiguration {
        id: Uuid::nil().into(),
        name: draft.name,
        description: draft.description,
        url: draft.url.to_string(),
        http_method: draft.http_method,
        status: draft.status,
        subscribed_event_types: texts(draft.subscribed_event_types),
        custom_headers: draft.custom_headers,
        secret: WithheldSecret,
        endpoint_auth: WithheldSecret,
        endpoint_auth_configured: false,
        tls: WithheldSecret,
        tls_configured: false,
        secret_configured: matches!(draft.secret, Patch::Value(_)),
        signature_enabled: draft.signature_enabled,
        signature_header: draft.signature_header,
        max_retries: draft.max_retries,
        retry_delay_ms: draft.retry_delay_ms,
        retry_backoff_multiplier: draft.retry_backoff_multiplier,
        timeout_ms: draft.timeout_ms,
        active: draft.active,
        tenant_id: draft.tenant_id.unwrap_or_else(TenantId::default_tenant),
        filter_expression: draft.filter_expression,
        metadata: draft.metadata,
        failure_threshold: draft.failure_threshold,
        failure_count: 0,
        last_success_at: None,
        last_failure_at: None,
        created_at: EPOCH,
        updated_at: EPOCH,
        created_by: draft.created_by,
        updated_by: draft.updated_by,
        wire_profile: draft.wire_profile,
        signature_schemes: draft.signature_schemes,
        body_format: draft.body_format,
        envelope: draft.envelope,
        phase: draft.phase,
        on_error: draft.on_error,
        dry_run: draft.dry_run,
        retry_policy: draft.retry_policy,
        circuit_breaker: draft.circuit_breaker,
        max_in_flight: draft.max_in_flight,
        max_per_second: draft.max_per_second,
        allowed_domains: draft.allowed_domains,
        paused_deliveries: draft.paused_deliveries,
    }
}

/// The view of a stored draft.
pub(crate) fn domain(draft: AuthorizedDomainDraft) -> AuthorizedDomain {
    AuthorizedDomain {
        id: Uuid::nil().into(),
        domain: draft.domain.to_string(),
        organization: draft.organization,
        contact_email: draft.contact_email,
        verified: false,
        verification_method: draft.verification_method,
        verification_token: draft.verification_token,
        verified_at: None,
        active: draft.active,
        allowed_paths: draft.allowed_paths,
        max_callbacks_per_minute: draft.max_callbacks_per_minute,
        ip_whitelist: draft.ip_whitelist,
        require_https: draft.require_https,
        tenant_id: draft.tenant_id.unwrap_or_else(TenantId::default_tenant),
        notes: draft.notes,
        metadata: draft.metadata,
        expires_at: draft.expires_at,
        last_callback_at: None,
        total_callbacks: 0,
        total_failed: 0,
        created_at: EPOCH,
        updated_at: EPOCH,
        authorized_by: draft.authorized_by,
        granted_callbacks_per_minute: None,
    }
}

/// The view of a stored draft.
pub(crate) fn subscription(draft: EventSubscriptionDraft) -> EventSubscription {
    EventSubscription {
        id: Uuid::nil().into(),
        name: draft.name,
        description: draft.description,
        messaging_system_type: draft.messaging_system_type,
        connection_config: draft.connection_config,
        topic_or_queue: draft.topic_or_queue,
        consumer_group_id: draft.consumer_group_id,
        active: draft.active,
        consumer_properties: draft.consumer_properties,
        event_type_patterns: draft
            .event_type_patterns
            .map(|patterns| patterns.iter().map(ToString::to_string).collect()),
        max_concurrent_consumers: draft.max_concurrent_consumers,
        polling_interval_ms: draft.polling_interval_ms,
        tenant_id: draft.tenant_id.unwrap_or_else(TenantId::default_tenant),
        metadata: draft.metadata,
        last_message_at: None,
        total_messages_received: 0,
        total_messages_failed: 0,
        created_at: EPOCH,
        updated_at: EPOCH,
        created_by: draft.created_by,
        updated_by: draft.updated_by,
    }
}

/// The JSON of what each minimal body becomes, by the contract's schema name.
pub(crate) fn views_of_minimal_bodies() -> [(&'static str, Value); 3] {
    let body = json!({"name": "n", "url": "https://a.example.com/", "subscribedEventTypes": ["*"]});
    let draft = ConfigurationDraft::create(&members(body)).expect("valid");
    let configuration = serde_json::to_value(configuration(draft)).expect("serialises");
    let body = json!({"domain": "example.com"});
    let draft = AuthorizedDomainDraft::create(&members(body)).expect("valid");
    let domain = serde_json::to_value(domain(draft)).expect("serialises");
    let body = json!({"name": "n", "messagingSystemType": "KAFKA", "topicOrQueue": "t"});
    let draft = EventSubscriptionDraft::create(&members(body)).expect("valid");
    let subscription = serde_json::to_value(subscription(draft)).expect("serialises");
    [
        ("CallbackConfigurationDTO", configuration),
        ("AuthorizedDomainDTO", domain),
        ("EventSubscriptionDTO", subscription),
    ]
}

/// An execution.
pub(crate) fn execution() -> CallbackExecution {
    let payload = RawValue::from_string("{\"a\":1}".to_owned()).expect("valid JSON");
    CallbackExecution {
        id: Uuid::nil().into(),
        configuration_id: Uuid::nil().into(),
        event_type: "order.created".to_owned(),
        source_event_id: None,
        status: ExecutionStatus::Success,
        request_payload: Some(payload),
        response_status_code: Some(200),
        response_body: None,
        request_headers: None,
        response_headers: None,
        attempt_number: 1,
        max_attempts: 4,
        error_message: None,
        error_stack_trace: None,
        request_duration_ms: Some(5),
        next_retry_at: None,
        executed_at: EPOCH,
        completed_at: Some(EPOCH),
        metadata: None,
        event_id: "e-1".to_owned(),
        delivery_id: DeliveryId { event: Uuid::nil().into(), configuration: Uuid::nil().into() },
        tenant_id: TenantId::default_tenant(),
        phase_timings: Some(PhaseTimingsView::default()),
    }
}
