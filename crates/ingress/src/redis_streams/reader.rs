//! The reading end: blocking reads in a task of their own. A read that is dropped would leave its entries with a consumer
//! that never saw them.

use std::time::Duration;

use callbacks_core::sources::event_source::SourceError;
use redis::aio::MultiplexedConnection;
use redis::cmd;
use redis::streams::{StreamAutoClaimReply, StreamId, StreamReadReply};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{Names, RESPONSE_TIMEOUT};
use crate::connection::failed;

const CLAIM_EVERY: Duration = Duration::from_secs(5);
pub(super) type Entries = Result<Vec<StreamId>, SourceError>;

/// Reads new entries, and those of the dead, one batch ahead of the source.
pub(super) struct Reader {
    pub(super) connection: MultiplexedConnection,
    pub(super) names: Names,
    pub(super) block: Duration,
    pub(super) dead_after_ms: u64,
    pub(super) sender: mpsc::Sender<Entries>,
}

/// Most entries of one read.
const READ_SIZE: usize = 500;

impl Reader {
    pub(super) async fn run(mut self) {
        let (mut claimed, mut cursor) = (None::<Instant>, "0-0".to_owned());
        // First what this consumer was given before its connection broke.
        let mut own = Some("0".to_owned());
        loop {
            let claim = claimed.is_none_or(|at| at.elapsed() >= CLAIM_EVERY);
            let entries = if let Some(after) = own.take() {
                let found = self.read(&after).await;
                own = found.as_ref().ok().and_then(|entries| entries.last()).map(|entry| entry.id.clone());
                found
            } else if claim {
                let found = self.claim(&mut cursor).await;
                // On with the next part at once, until the end of the list.
                if cursor == "0-0" {
                    claimed = Some(Instant::now());
                }
                found
            } else {
                self.read(">").await
            };
            let ended = entries.is_err();
            if entries.as_ref().is_ok_and(Vec::is_empty) {
                continue;
            }
            if self.sender.send(entries).await.is_err() || ended {
                return;
            }
        }
    }

    /// Entries nobody was given yet (`>`), or those of this consumer after an id.
    async fn read(&mut self, after: &str) -> Entries {
        let Names { stream, group, consumer } = &self.names;
        let block = self.block.min(RESPONSE_TIMEOUT / 2).as_millis() as u64;
        let reply: Option<StreamReadReply> = cmd("XREADGROUP")
            .arg("GROUP")
            .arg(group)
            .arg(consumer)
            .arg("COUNT")
            .arg(READ_SIZE)
            .arg("BLOCK")
            .arg(block)
            .arg("STREAMS")
            .arg(stream)
            .arg(after)
            .query_async(&mut self.connection)
            .await
            .map_err(failed)?;
        Ok(reply.into_iter().flat_map(|reply| reply.keys).flat_map(|key| key.ids).collect())
    }

    async fn claim(&mut self, cursor: &mut String) -> Entries {
        let Names { stream, group, consumer } = &self.names;
        let reply: StreamAutoClaimReply = cmd("XAUTOCLAIM")
            .arg(stream)
            .arg(group)
            .arg(consumer)
            .arg(self.dead_after_ms)
            .arg(&*cursor)
            .arg("COUNT")
            .arg(READ_SIZE)
            .query_async(&mut self.connection)
            .await
            .map_err(failed)?;
        cursor.clone_from(&reply.next_stream_id);
        Ok(reply.claimed)
    }
}
