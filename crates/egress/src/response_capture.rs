//! Reading an answer's body up to its limit; what the answer means is decided by its status line alone.

use std::future::poll_fn;
use std::pin::Pin;

use bytes::{Bytes, BytesMut};
use hyper::body::{Body, Incoming};

use crate::line::Line;

/// What has been read of a body. Stays usable when reading is cancelled by the deadline.
#[derive(Debug, Default)]
pub(crate) struct Captured {
    body: BytesMut,
    /// True when the whole body was read and the connection can carry another request.
    pub(crate) complete: bool,
}

impl Captured {
    /// Reads until the end, the limit or an error.
    pub(crate) async fn read(&mut self, line: &mut Line, mut incoming: Incoming, limit: usize) {
        loop {
            if incoming.is_end_stream() {
                self.complete = true;
                return;
            }
            let next = poll_fn(|cx| {
                line.drive(cx);
                Pin::new(&mut incoming).poll_frame(cx)
            });
            match next.await {
                None => {
                    self.complete = true;
                    return;
                }
                Some(Err(_broken)) => return,
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data()
                        && !self.take(&data, limit)
                    {
                        return;
                    }
                }
            }
        }
    }

    /// Appends what fits; false when there was more than that.
    fn take(&mut self, data: &[u8], limit: usize) -> bool {
        let room = limit - self.body.len();
        self.body.extend_from_slice(data.get(..room).unwrap_or(data));
        data.len() <= room
    }

    /// The bytes read, and whether there would have been more.
    pub(crate) fn finish(self) -> (Bytes, bool) {
        (self.body.freeze(), !self.complete)
    }
}
