//! Endpoints that misbehave in HTTP/2, over real TLS. Each behaviour is one function over an accepted connection and its number;
//! most treat only the first badly, so that a test sees what a second try finds.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use h2::Reason;
use h2::server::{Builder, Connection, SendResponse};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::certificates::ServerIdentity;
use crate::owned_tasks::OwnedTasks;

/// A connection after its TLS handshake.
pub type Encrypted = TlsStream<TcpStream>;

/// Accepts TLS connections and treats them badly, until dropped.
#[derive(Debug)]
pub struct HostileHttp2 {
    address: SocketAddr,
    connections: Arc<AtomicU64>,
    _tasks: OwnedTasks,
}

impl HostileHttp2 {
    /// Starts on a free port with one behaviour for every connection, which is told its number, from 0.
    ///
    /// # Panics
    /// When no port can be bound.
    pub async fn start<B, F>(identity: &ServerIdentity, behaviour: B) -> Self
    where
        B: Fn(Encrypted, u64) -> F + Clone + Send + 'static,
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port can be bound");
        let address = listener.local_addr().expect("a bound listener has an address");
        let acceptor = TlsAcceptor::from(Arc::clone(&identity.config));
        let connections = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&connections);
        let tasks = OwnedTasks::default();
        tasks.spawn(async move {
            let victims = OwnedTasks::default();
            while let Ok((stream, _)) = listener.accept().await {
                let number = counted.fetch_add(1, Ordering::Relaxed);
                let (acceptor, behaviour) = (acceptor.clone(), behaviour.clone());
                victims.spawn(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        // The client is expected to give up at some point.
                        let _ = behaviour(stream, number).await;
                    }
                });
            }
        });
        Self { address, connections, _tasks: tasks }
    }

    /// The URL of a path, with a name as host.
    pub fn url_at(&self, name: &str, path: &str) -> String {
        format!("https://{name}:{}{path}", self.address.port())
    }

    /// How many connections were accepted.
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }
}

type Served = Connection<Encrypted, Bytes>;

async fn handshake(stream: Encrypted) -> io::Result<Served> {
    h2::server::handshake(stream).await.map_err(io::Error::other)
}

fn thank(mut reply: SendResponse<Bytes>) {
    // The client may have gone; then there is nobody to tell.
    let _ = reply.send_response(http::Response::new(()), true);
}

async fn serve_properly(mut connection: Served) -> io::Result<()> {
    while let Some(Ok((_request, reply))) = connection.accept().await {
        thank(reply);
    }
    Ok(())
}

/// Keeps the requests and never answers.
pub async fn never_answers(stream: Encrypted, _number: u64) -> io::Result<()> {
    let mut connection = handshake(stream).await?;
    let mut kept = Vec::new();
    while let Some(Ok((_request, reply))) = connection.accept().await {
        kept.push(reply);
    }
    Ok(())
}

/// Refuses the first stream with `REFUSED_STREAM`: it was not processed.
pub async fn refuses_the_first_stream(stream: Encrypted, number: u64) -> io::Result<()> {
    let mut connection = handshake(stream).await?;
    let mut refuse = number == 0;
    while let Some(Ok((_request, mut reply))) = connection.accept().await {
        if std::mem::take(&mut refuse) {
            reply.send_reset(Reason::REFUSED_STREAM);
        } else {
            thank(reply);
        }
    }
    Ok(())
}

/// Says GOAWAY on its first connection before any request.
pub async fn leaves_before_the_request(stream: Encrypted, number: u64) -> io::Result<()> {
    let mut connection = handshake(stream).await?;
    if number == 0 {
        connection.abrupt_shutdown(Reason::NO_ERROR);
    }
    serve_properly(connection).await
}

/// Takes the request and then says GOAWAY with an error.
pub async fn leaves_mid_stream(stream: Encrypted, _number: u64) -> io::Result<()> {
    let mut connection = handshake(stream).await?;
    let kept = connection.accept().await;
    connection.abrupt_shutdown(Reason::INTERNAL_ERROR);
    let _ = std::future::poll_fn(|cx| connection.poll_closed(cx)).await;
    drop(kept);
    Ok(())
}

/// Takes the request and resets its stream with `INTERNAL_ERROR`.
pub async fn resets_the_stream(stream: Encrypted, _number: u64) -> io::Result<()> {
    let mut connection = handshake(stream).await?;
    while let Some(Ok((_request, mut reply))) = connection.accept().await {
        reply.send_reset(Reason::INTERNAL_ERROR);
    }
    Ok(())
}

/// Permits no stream at all.
pub async fn permits_no_streams(stream: Encrypted, _number: u64) -> io::Result<()> {
    let mut builder = Builder::new();
    builder.max_concurrent_streams(0);
    let connection: Served = builder.handshake(stream).await.map_err(io::Error::other)?;
    serve_properly(connection).await
}

/// Never lets a byte of body through.
pub async fn keeps_its_window_shut(stream: Encrypted, _number: u64) -> io::Result<()> {
    let mut builder = Builder::new();
    builder.initial_window_size(0);
    let mut connection: Served = builder.handshake(stream).await.map_err(io::Error::other)?;
    let mut kept = Vec::new();
    while let Some(Ok(request)) = connection.accept().await {
        kept.push(request);
    }
    Ok(())
}

/// Answers 200 and sends body without end.
pub async fn infinite_body(stream: Encrypted, _number: u64) -> io::Result<()> {
    let mut connection = handshake(stream).await?;
    let senders = OwnedTasks::default();
    while let Some(Ok((_request, mut reply))) = connection.accept().await {
        let Ok(mut body) = reply.send_response(http::Response::new(()), false) else { continue };
        senders.spawn(async move {
            loop {
                body.reserve_capacity(0x4000);
                match std::future::poll_fn(|cx| body.poll_capacity(cx)).await {
                    Some(Ok(room)) if body.send_data(Bytes::from(vec![b'x'; room]), false).is_ok() => {}
                    _ => return,
                }
            }
        });
    }
    Ok(())
}

/// Agrees on HTTP/2 and then talks something else.
pub async fn talks_garbage(mut stream: Encrypted, _number: u64) -> io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await?;
    tokio::time::sleep(Duration::from_secs(30)).await;
    Ok(())
}

/// Floods the connection with PING frames.
pub async fn floods_with_pings(mut stream: Encrypted, _number: u64) -> io::Result<()> {
    // An empty SETTINGS frame, as the preface asks for, then PING frames (RFC 9113 section 6.7) without end.
    stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await?;
    let ping = [[0, 0, 8, 6, 0, 0, 0, 0, 0].as_slice(), &[7; 8]].concat().repeat(256);
    loop {
        stream.write_all(&ping).await?;
    }
}
