//! Endpoints that misbehave on raw TCP. Each behaviour is one function over an accepted connection.
//!
//! ```no_run
//! # async fn example() {
//! use callbacks_testkit::hostile_endpoint::{HostileEndpoint, never_answers};
//! let endpoint = HostileEndpoint::start(never_answers).await;
//! let url = endpoint.url("/hook");
//! # }
//! ```

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::owned_tasks::OwnedTasks;

/// Accepts connections and treats each of them badly, until dropped.
#[derive(Debug)]
pub struct HostileEndpoint {
    address: SocketAddr,
    connections: Arc<AtomicU64>,
    _tasks: OwnedTasks,
}

impl HostileEndpoint {
    /// Starts on a free port with one behaviour for every connection.
    ///
    /// # Panics
    /// When no port can be bound.
    pub async fn start<B, F>(behaviour: B) -> Self
    where
        B: Fn(TcpStream) -> F + Send + 'static,
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port can be bound");
        let address = listener.local_addr().expect("a bound listener has an address");
        let connections = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&connections);
        let tasks = OwnedTasks::default();
        tasks.spawn(async move {
            let victims = OwnedTasks::default();
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::Relaxed);
                let done = behaviour(stream);
                victims.spawn(async move {
                    // The client is expected to give up at some point.
                    let _ = done.await;
                });
            }
        });
        Self { address, connections, _tasks: tasks }
    }

    /// The URL of a path, which starts with `/`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections were accepted.
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }
}

/// Reads until the head of a request and whatever came with it have arrived.
///
/// # Errors
/// When the client closes first.
pub async fn read_request(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut request = Vec::new();
    while !request.windows(4).any(|window| window == b"\r\n\r\n") {
        if stream.read_buf(&mut request).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(request)
}

/// Keeps the connection open, and reads on so that it stays healthy, until the client closes it.
async fn hold(mut stream: TcpStream) -> io::Result<()> {
    let mut scrap = [0; 4096];
    while stream.read(&mut scrap).await? > 0 {}
    Ok(())
}

async fn say_and_hold(mut stream: TcpStream, answer: &[u8]) -> io::Result<()> {
    read_request(&mut stream).await?;
    stream.write_all(answer).await?;
    hold(stream).await
}

async fn say_and_close(mut stream: TcpStream, answer: &[u8]) -> io::Result<()> {
    read_request(&mut stream).await?;
    stream.write_all(answer).await?;
    stream.shutdown().await
}

async fn repeat_for_ever(mut stream: TcpStream, first: &[u8], again: &[u8]) -> io::Result<()> {
    read_request(&mut stream).await?;
    stream.write_all(first).await?;
    loop {
        stream.write_all(again).await?;
    }
}

async fn drip(mut stream: TcpStream, first: &[u8], then: impl Iterator<Item = u8>) -> io::Result<()> {
    read_request(&mut stream).await?;
    stream.write_all(first).await?;
    for byte in then {
        stream.write_all(&[byte]).await?;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    hold(stream).await
}

/// Reads the request and never answers.
pub async fn never_answers(stream: TcpStream) -> io::Result<()> {
    hold(stream).await
}

/// Never even reads: the client's writes fill the socket.
pub async fn never_reads(stream: TcpStream) -> io::Result<()> {
    let _open = stream;
    std::future::pending().await
}

/// Closes at once, without reading.
pub async fn closes_at_once(mut stream: TcpStream) -> io::Result<()> {
    stream.shutdown().await
}

/// Resets at once.
pub async fn resets_at_once(stream: TcpStream) -> io::Result<()> {
    stream.set_zero_linger()
}

/// Resets after the whole request head has arrived.
pub async fn resets_after_request(mut stream: TcpStream) -> io::Result<()> {
    read_request(&mut stream).await?;
    stream.set_zero_linger()
}

/// Reads half of a long request, then resets.
pub async fn resets_mid_request(mut stream: TcpStream) -> io::Result<()> {
    let mut half = vec![0; 128 * 1024];
    stream.read_exact(&mut half).await?;
    stream.set_zero_linger()
}

/// Reads a kilobyte a second.
pub async fn reads_slowly(mut stream: TcpStream) -> io::Result<()> {
    let mut kilobyte = [0; 1024];
    while stream.read(&mut kilobyte).await? > 0 {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    Ok(())
}

/// Answers 200 with a body that claims to be compressed and, decompressed, would be very long; or is none at all.
pub async fn compressed(mut stream: TcpStream, encoding: &'static str, body: Vec<u8>) -> io::Result<()> {
    read_request(&mut stream).await?;
    let head =
        format!("HTTP/1.1 200 OK\r\ncontent-encoding: {encoding}\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(&body).await?;
    hold(stream).await
}

/// Sends 10,000 times `100 Continue`, then 200.
pub async fn informational_crowd(mut stream: TcpStream) -> io::Result<()> {
    read_request(&mut stream).await?;
    let hundred = "HTTP/1.1 100 Continue\r\n\r\n".repeat(100);
    for _ in 0..100 {
        stream.write_all(hundred.as_bytes()).await?;
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await?;
    hold(stream).await
}

/// Closes properly after the request, without a word.
pub async fn closes_after_request(mut stream: TcpStream) -> io::Result<()> {
    read_request(&mut stream).await?;
    stream.shutdown().await
}

/// Sends the status line and headers a byte every 100 ms.
pub async fn drips_head(stream: TcpStream) -> io::Result<()> {
    let head = format!("HTTP/1.1 200 OK\r\nx-slow: {}\r\n\r\n", "s".repeat(2000));
    drip(stream, b"", head.into_bytes().into_iter()).await
}

/// Answers 200, then sends a byte of body every 100 ms without end.
pub async fn drips_body(stream: TcpStream) -> io::Result<()> {
    drip(stream, b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n", std::iter::repeat(b'x')).await
}

/// Answers 200 with a chunked body that never ends.
pub async fn infinite_body(stream: TcpStream) -> io::Result<()> {
    // One chunk for all connections, so that a test of many measures the client.
    static CHUNK: LazyLock<String> = LazyLock::new(|| format!("10000\r\n{}\r\n", "x".repeat(0x10000)));
    repeat_for_ever(stream, b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", CHUNK.as_bytes()).await
}

/// Answers 500 with a body that never ends.
pub async fn infinite_error_body(stream: TcpStream) -> io::Result<()> {
    repeat_for_ever(stream, b"HTTP/1.1 500 Oh no\r\n\r\n", &[b'x'; 0x10000]).await
}

/// Announces 10 GiB, sends 1 KiB and falls silent.
pub async fn huge_promise(stream: TcpStream) -> io::Result<()> {
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: 10737418240\r\n\r\n{}", "x".repeat(1024));
    say_and_hold(stream, answer.as_bytes()).await
}

/// Announces 100 bytes, sends 50 and closes.
pub async fn closes_mid_body(stream: TcpStream) -> io::Result<()> {
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{}", "x".repeat(50));
    say_and_close(stream, answer.as_bytes()).await
}

/// Announces 5 bytes and sends 500.
pub async fn says_more_than_announced(stream: TcpStream) -> io::Result<()> {
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n{}", "x".repeat(500));
    say_and_hold(stream, answer.as_bytes()).await
}

/// Sends header lines without end.
pub async fn huge_head(stream: TcpStream) -> io::Result<()> {
    repeat_for_ever(stream, b"HTTP/1.1 200 OK\r\n", b"x-filler: 0123456789012345678901234567890123456789\r\n")
        .await
}

/// Answers with 10,000 headers.
pub async fn many_headers(stream: TcpStream) -> io::Result<()> {
    let answer = format!("HTTP/1.1 200 OK\r\n{}content-length: 0\r\n\r\n", "a: b\r\n".repeat(10_000));
    say_and_hold(stream, answer.as_bytes()).await
}

/// Sends `100 Continue` without end.
pub async fn informational_flood(stream: TcpStream) -> io::Result<()> {
    repeat_for_ever(stream, b"", b"HTTP/1.1 100 Continue\r\n\r\n").await
}

/// Sends a `100 Continue` every 100 ms without end.
pub async fn informational_drip(mut stream: TcpStream) -> io::Result<()> {
    read_request(&mut stream).await?;
    loop {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Answers with something that is not HTTP.
pub async fn garbage(stream: TcpStream) -> io::Result<()> {
    say_and_hold(stream, b"SSH-2.0-OpenSSH_9.6\r\n\x00\x01\x02\x03 not http at all\r\n\r\n").await
}

/// Answers in the style of HTTP/0.9: a bare text.
pub async fn bare_text(stream: TcpStream) -> io::Result<()> {
    say_and_close(stream, b"ok, thanks\n").await
}

/// Sends a status line and nothing after it.
pub async fn status_line_only(stream: TcpStream) -> io::Result<()> {
    say_and_hold(stream, b"HTTP/1.1 200 OK\r\n").await
}

/// Answers with two lengths that contradict each other.
pub async fn two_lengths(stream: TcpStream) -> io::Result<()> {
    say_and_hold(
        stream,
        b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    )
    .await
}

/// Answers with a NUL in a header.
pub async fn nul_in_header(stream: TcpStream) -> io::Result<()> {
    say_and_hold(stream, b"HTTP/1.1 200 OK\r\nx-bad: a\0b\r\ncontent-length: 0\r\n\r\n").await
}

/// Answers with bytes beyond ASCII in a header, which HTTP permits.
pub async fn obs_text_in_header(stream: TcpStream) -> io::Result<()> {
    say_and_hold(stream, b"HTTP/1.1 200 OK\r\nx-odd: caf\xe9\xff\r\ncontent-length: 0\r\n\r\n").await
}

/// Answers HTTP/1.0 without a length and closes.
pub async fn http10_until_close(stream: TcpStream) -> io::Result<()> {
    say_and_close(stream, b"HTTP/1.0 200 OK\r\n\r\nthat was it").await
}

/// Answers twice to one request.
pub async fn answers_twice(stream: TcpStream) -> io::Result<()> {
    let twice =
        b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\nHTTP/1.1 500 Poison\r\ncontent-length: 0\r\n\r\n";
    say_and_hold(stream, twice).await
}

/// Answers the first request of a connection, then closes it the moment the second arrives, unanswered.
pub async fn closes_on_reuse(mut stream: TcpStream) -> io::Result<()> {
    read_request(&mut stream).await?;
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await?;
    read_request(&mut stream).await?;
    stream.shutdown().await
}

/// Listens and never accepts, with a queue that is already full: a connection to it is never completed (Linux drops what does
/// not fit into the queue). Give the address to a client and keep this alive.
#[derive(Debug)]
pub struct NeverAccepts {
    listener: TcpListener,
    _fill: Vec<TcpStream>,
}

impl NeverAccepts {
    /// Listens on a free port and fills the queue.
    ///
    /// # Panics
    /// When no port can be bound, or the queue never gets full.
    pub async fn start() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port can be bound");
        let listener = socket.listen(1).expect("it listens");
        let address = listener.local_addr().expect("a bound listener has an address");
        let mut fill = Vec::new();
        for _ in 0..64 {
            let connected =
                tokio::time::timeout(Duration::from_millis(200), TcpStream::connect(address)).await;
            match connected {
                Ok(stream) => fill.push(stream.expect("the queue takes it")),
                Err(_full) => return Self { listener, _fill: fill },
            }
        }
        panic!("the queue of a listener never gets full");
    }

    /// The URL of a path, which starts with `/`.
    ///
    /// # Panics
    /// Never: a bound listener has an address.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.listener.local_addr().expect("a bound listener has an address"))
    }
}
