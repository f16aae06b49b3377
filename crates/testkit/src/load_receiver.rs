//! The cheapest receiver that still speaks HTTP/1.1: it counts requests and answers 200. For measuring, not for judging.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::owned_tasks::OwnedTasks;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

/// Counts requests. Needs a `Content-Length` on every request that has a body.
#[derive(Debug)]
pub struct LoadReceiver {
    address: SocketAddr,
    count: Arc<AtomicU64>,
    _tasks: OwnedTasks,
}

impl LoadReceiver {
    /// Starts on a free port of loopback.
    ///
    /// # Panics
    /// When no port can be bound.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port can be bound");
        let address = listener.local_addr().expect("a bound listener has an address");
        let count = Arc::new(AtomicU64::new(0));
        let tasks = OwnedTasks::default();
        tasks.spawn(accept(listener, Arc::clone(&count)));
        Self { address, count, _tasks: tasks }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a path, which starts with `/`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Requests answered so far.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
}

async fn accept(listener: TcpListener, count: Arc<AtomicU64>) {
    let connections = OwnedTasks::default();
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        connections.spawn(serve(stream, Arc::clone(&count)));
    }
}

async fn serve(mut stream: TcpStream, count: Arc<AtomicU64>) {
    let mut buffer = Vec::with_capacity(16 * 1024);
    loop {
        while let Some(length) = request_length(&buffer) {
            if buffer.len() < length {
                break;
            }
            buffer.drain(..length);
            count.fetch_add(1, Ordering::Relaxed);
            if stream.write_all(ANSWER).await.is_err() {
                return;
            }
        }
        if !matches!(stream.read_buf(&mut buffer).await, Ok(read) if read > 0) {
            return;
        }
    }
}

/// The length of the request at the start of `buffer`, head and body; `None` while its head is incomplete.
fn request_length(buffer: &[u8]) -> Option<usize> {
    let head = buffer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let body = buffer[..head].split(|&byte| byte == b'\n').find_map(|line| {
        let colon = line.iter().position(|&byte| byte == b':')?;
        let (name, value) = line.split_at(colon);
        let wanted = name.eq_ignore_ascii_case(b"content-length");
        wanted.then(|| std::str::from_utf8(&value[1..]).ok()?.trim().parse::<usize>().ok()).flatten()
    });
    Some(head + body.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::request_length;

    #[test]
    fn finds_the_end_of_a_request() {
        assert_eq!(request_length(b"POST / HTTP/1.1\r\nConte"), None);
        assert_eq!(request_length(b"GET / HTTP/1.1\r\n\r\n"), Some(18));
        assert_eq!(request_length(b"POST / HTTP/1.1\r\nCONTENT-length: 5\r\n\r\nhello"), Some(43));
    }
}
