//! The Postgres outbox as a source: rows that producers' own transactions left behind, in the service's database or
//! another one. Claims are open transactions, so a row is either here, or back in the table for somebody else.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use callbacks_interfaces::event_subscription::EventSubscription;
use callbacks_interfaces::event_type::EventType;
use callbacks_interfaces::ids::SubscriptionId;
use callbacks_interfaces::tenant::{TenantId, TenantScope};
use callbacks_models::outbox::{OutboxAnnouncements, OutboxClaim, OutboxDatabase, OutboxRow};
use callbacks_models::store::Store;
use futures::future::BoxFuture;
use serde_json::Value;
use time::OffsetDateTime;
use tokio::time::Instant;
use tracing::error;
use uuid::Uuid;

use super::event_source::{
    Appetite, EventSource, OpenSource, SourceBatch, SourceError, SourcePlan, Standing,
};
use super::message::Arrival;
use crate::intake::received_event::ReceivedEvent;

/// The messaging system a subscription of another database's outbox names.
pub const SYSTEM: &str = "POSTGRES_OUTBOX";
/// Where `connectionConfig` says which database.
pub const URL_PROPERTY: &str = "url";

/// Claims open at a time, and one connection each for listening and counting.
const CONNECTIONS: u32 = 6;
/// How often the rows are counted.
const MEASURE_EVERY: Duration = Duration::from_secs(5);
/// How often the service's own outbox is polled when nothing is announced.
const OWN_FLOOR: Duration = Duration::from_secs(1);

/// An outbox being read.
pub struct PostgresOutbox {
    database: OutboxDatabase,
    scope: TenantScope,
    floor: Duration,
    announcements: Option<OutboxAnnouncements>,
    /// Whether the last claim left nothing behind.
    emptied: bool,
    claims: VecDeque<(u64, OutboxClaim)>,
    next: u64,
    standing: Standing,
    measured: Option<Instant>,
}

impl PostgresOutbox {
    fn new(database: OutboxDatabase, scope: TenantScope, floor: Duration) -> Self {
        Self {
            database,
            scope,
            floor,
            announcements: None,
            emptied: false,
            claims: VecDeque::new(),
            next: 0,
            standing: Standing {
                connected: true,
                partitions: vec!["callbacks.outbox".to_owned()],
                ..Standing::default()
            },
            measured: None,
        }
    }

    /// Opens the outbox of a subscription: of its tenant alone (of all where it is shared), in the database its `connectionConfig` names.
    ///
    /// # Errors
    /// When it names none, or none that can be reached.
    pub async fn open(plan: SourcePlan) -> Result<Box<dyn EventSource>, SourceError> {
        let subscription = &plan.subscription;
        let named = subscription.connection_config.as_ref().and_then(|config| config.get(URL_PROPERTY));
        let url = named.ok_or_else(|| {
            SourceError(format!("connectionConfig.{URL_PROPERTY} must name the database with the outbox; the service's own outbox is read without a subscription"))
        })?;
        // sqlx quotes parts of what it cannot read, and the URL carries a password.
        let database = OutboxDatabase::at(url, CONNECTIONS)
            .map_err(|_| SourceError("connectionConfig.url is no PostgreSQL URL".to_owned()))?;
        let tenant = &subscription.tenant_id;
        let rows = if tenant.is_shared() { TenantScope::All } else { TenantScope::One(tenant.clone()) };
        database.waiting(&rows).await.map_err(|error| SourceError::new(&error))?;
        let floor = Duration::from_millis(u64::try_from(subscription.polling_interval_ms).unwrap_or(1000));
        Ok(Box::new(Self::new(database, rows, floor)))
    }

    /// Waits for an announcement, or for the floor to pass.
    async fn await_news(&mut self) {
        if self.announcements.is_none() {
            self.announcements = self.database.listen().await.ok();
        }
        let heard = async {
            match &mut self.announcements {
                Some(announcements) => announcements.heard().await.is_ok(),
                None => std::future::pending().await,
            }
        };
        if tokio::time::timeout(self.floor, heard).await == Ok(false) {
            self.announcements = None;
            tokio::time::sleep(self.floor).await;
        }
    }

    async fn take(&mut self, appetite: Appetite) -> Result<SourceBatch, SourceError> {
        loop {
            if self.emptied {
                self.await_news().await;
                self.emptied = false;
            }
            let most = i64::try_from(appetite.messages).unwrap_or(i64::MAX);
            match self.database.claim(&self.scope, most).await.map_err(|error| SourceError::new(&error))? {
                None => self.emptied = true,
                Some((claim, rows)) => {
                    self.emptied = rows.len() < appetite.messages;
                    let number = self.next;
                    self.next += 1;
                    self.claims.push_back((number, claim));
                    return Ok(SourceBatch {
                        number,
                        arrivals: rows.into_iter().filter_map(arrival).collect(),
                    });
                }
            }
        }
    }

    async fn measure(&mut self) -> Standing {
        if self.measured.is_none_or(|at| at.elapsed() >= MEASURE_EVERY) {
            self.measured = Some(Instant::now());
            if let Ok((waiting, age)) = self.database.waiting(&self.scope).await {
                self.standing.lag = Some(waiting);
                self.standing.lag_seconds = Some(age);
            }
        }
        self.standing.clone()
    }
}

impl EventSource for PostgresOutbox {
    fn pull(&mut self, appetite: Appetite) -> BoxFuture<'_, Result<SourceBatch, SourceError>> {
        Box::pin(self.take(appetite))
    }

    /// Claims do not depend on each other, so there is no order to keep.
    fn settle(&mut self, number: u64) -> BoxFuture<'_, Result<(), SourceError>> {
        let at = self.claims.iter().position(|(claimed, _)| *claimed == number);
        let claim = at.and_then(|at| self.claims.remove(at));
        Box::pin(async move {
            match claim {
                Some((_, claim)) => claim.settle().await.map_err(|error| SourceError::new(&error)),
                None => Ok(()),
            }
        })
    }

    fn standing(&mut self) -> BoxFuture<'_, Standing> {
        Box::pin(self.measure())
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            drop(self.claims);
            drop(self.announcements);
            self.database.close().await;
        })
    }
}

/// How the service's own outbox is opened, and a plan for it.
pub(super) fn own(store: &Store, replica: Uuid, now: OffsetDateTime) -> (OpenSource, SourcePlan) {
    let store = store.clone();
    let open: OpenSource = Arc::new(move |_| {
        let database = OutboxDatabase::of_service(&store, CONNECTIONS);
        Box::pin(async move {
            Ok(Box::new(PostgresOutbox::new(database, TenantScope::All, OWN_FLOOR)) as Box<dyn EventSource>)
        })
    });
    (open, SourcePlan { subscription: Arc::new(nameplate(now)), consumer: 0, replica })
}

/// A subscription that stands in no table: it names the own outbox in logs.
fn nameplate(now: OffsetDateTime) -> EventSubscription {
    EventSubscription {
        id: SubscriptionId::from(Uuid::nil()),
        name: "the service's own outbox".to_owned(),
        description: None,
        messaging_system_type: SYSTEM.to_owned(),
        connection_config: None,
        topic_or_queue: "callbacks.outbox".to_owned(),
        consumer_group_id: None,
        active: true,
        consumer_properties: None,
        event_type_patterns: None,
        max_concurrent_consumers: 1,
        polling_interval_ms: 1000,
        tenant_id: TenantId::default_tenant(),
        metadata: None,
        last_message_at: None,
        total_messages_received: 0,
        total_messages_failed: 0,
        created_at: now,
        updated_at: now,
        created_by: None,
        updated_by: None,
    }
}

/// `callbacks.publish` and the table's constraints refuse what is no event, so a row that is none was made by neither.
fn arrival(row: OutboxRow) -> Option<Arrival> {
    let (tenant, event_type) =
        match (TenantId::try_from(row.tenant_id), EventType::try_from(row.event_type.as_str())) {
            (Ok(tenant), Ok(event_type)) => (tenant, event_type),
            _ => {
                error!(
                    outbox_id = row.id,
                    "row {} of the outbox is no event and is dropped; publish with callbacks.publish", row.id
                );
                return None;
            }
        };
    let event = ReceivedEvent {
        id: Some(row.event_id),
        event_type,
        source: row.source,
        content_type: row.content_type,
        occurred_at: row.occurred_at.or(Some(row.published_at)),
        headers: row.headers.map(headers).filter(|headers| !headers.is_empty()),
        payload: Bytes::from(row.payload),
    };
    Some(Arrival::Event(tenant, Box::new(event)))
}

/// Members of an object as headers: texts as they are, everything else as JSON.
fn headers(object: Value) -> BTreeMap<String, String> {
    let Value::Object(members) = object else { return BTreeMap::new() };
    let text = |value: Value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    members.into_iter().map(|(name, value)| (name, text(value))).collect()
}
