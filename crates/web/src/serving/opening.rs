//! How a connection begins: its bytes are gathered until its first head is whole, in as much memory as they take. What
//! serves requests is set up only then, so that a client that dawdles costs next to nothing.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::serving::framing::{Speech, speech};

/// Bytes that are read at a time: most heads are shorter.
const PIECE: usize = 1024;
/// Bytes a connection reads before others have their turn: a flood of HTTP/2's small frames would keep a thread for long.
const TURN: usize = 16 << 10;

/// Reads until it is known what the client speaks; `None` when it has gone before. At most `most` bytes and a piece are read.
pub(super) async fn begin(stream: TcpStream, most: usize) -> io::Result<Option<(Speech, Begun)>> {
    let mut bytes = Vec::new();
    loop {
        // No memory is held for one who has said nothing yet.
        stream.readable().await?;
        let known = bytes.len();
        bytes.reserve(PIECE);
        match stream.try_read_buf(&mut bytes) {
            Ok(0) => return Ok(None),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error),
        }
        if let Some(speech) = speech(&bytes, known, most) {
            return Ok(Some((speech, Begun { bytes: Bytes::from(bytes), stream, read: 0 })));
        }
    }
}

/// A connection whose first bytes were read already: they are read once more.
pub(super) struct Begun {
    bytes: Bytes,
    stream: TcpStream,
    /// Bytes read in this turn.
    read: usize,
}

impl Begun {
    fn poll_stream(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.read >= TURN {
            self.read = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        match polled {
            Poll::Ready(_) => self.read += buffer.filled().len() - before,
            Poll::Pending => self.read = 0,
        }
        polled
    }
}

impl AsyncRead for Begun {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.bytes.is_empty() {
            return self.poll_stream(cx, buffer);
        }
        let length = self.bytes.len().min(buffer.remaining());
        buffer.put_slice(&self.bytes.split_to(length));
        if self.bytes.is_empty() {
            // Gives the memory back.
            self.bytes = Bytes::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Begun {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
