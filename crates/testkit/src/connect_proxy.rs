//! An HTTP proxy for tunnels, on raw TCP: it records what it is asked for, and can be told to misbehave.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use crate::owned_tasks::OwnedTasks;

/// What the proxy does with a `CONNECT`.
#[derive(Debug, Clone)]
pub enum Manner {
    /// Connects to the address it is asked for.
    Tunnel,
    /// Says it does, and connects to this one: a test never sends to a public address.
    TunnelTo(SocketAddr),
    /// Answers these bytes and closes the connection.
    Answer(&'static str),
    /// Answers these bytes over and over.
    Endless(&'static str),
    /// Answers nothing and keeps the connection.
    Silent,
    /// Closes the connection.
    Close,
}

/// The proxy. It ends, and cuts every tunnel, when dropped.
#[derive(Debug)]
pub struct ConnectProxy {
    address: SocketAddr,
    desk: Arc<Desk>,
    _tasks: OwnedTasks,
}

#[derive(Debug)]
struct Desk {
    manners: Mutex<VecDeque<Manner>>,
    heads: Mutex<Vec<String>>,
}

impl ConnectProxy {
    /// Starts on a free port. It meets the first `CONNECT` with the first manner, and so on; the last one repeats.
    ///
    /// # Panics
    /// When no port can be bound.
    pub async fn start(manners: impl IntoIterator<Item = Manner>) -> Self {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), manners).await
    }

    /// Starts at a given address, for example where another one has just gone away.
    ///
    /// # Panics
    /// When the address cannot be bound.
    pub async fn start_at(address: SocketAddr, manners: impl IntoIterator<Item = Manner>) -> Self {
        let listener = TcpListener::bind(address).await.expect("the address can be bound");
        let address = listener.local_addr().expect("a bound listener has an address");
        let manners = Mutex::new(manners.into_iter().collect());
        let desk = Arc::new(Desk { manners, heads: Mutex::default() });
        let tasks = OwnedTasks::default();
        tasks.spawn(accept(listener, Arc::clone(&desk)));
        Self { address, desk, _tasks: tasks }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:port`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every request head so far, in order of arrival.
    pub fn heads(&self) -> Vec<String> {
        self.desk.heads.lock().clone()
    }

    /// What it was asked to connect to: the authorities of all requests so far.
    pub fn asked_for(&self) -> Vec<String> {
        let authority = |head: &String| head.split(' ').nth(1).unwrap_or_default().to_owned();
        self.desk.heads.lock().iter().map(authority).collect()
    }
}

async fn accept(listener: TcpListener, desk: Arc<Desk>) {
    let connections = OwnedTasks::default();
    while let Ok((client, _)) = listener.accept().await {
        let desk = Arc::clone(&desk);
        connections.spawn(async move {
            // Clients that go away are what this is for.
            let _ = serve(client, &desk).await;
        });
    }
}

async fn serve(mut client: TcpStream, desk: &Desk) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let to = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next()?.parse().ok());
    desk.heads.lock().push(head);
    let manner = desk.next_manner();
    match manner {
        Manner::Tunnel => tunnel(client, to.ok_or(io::ErrorKind::InvalidInput)?).await,
        Manner::TunnelTo(to) => tunnel(client, to).await,
        Manner::Answer(answer) => client.write_all(answer.as_bytes()).await,
        Manner::Endless(answer) => loop {
            client.write_all(answer.as_bytes()).await?;
        },
        Manner::Silent => {
            let mut rest = Vec::new();
            client.read_to_end(&mut rest).await.map(drop)
        }
        Manner::Close => Ok(()),
    }
}

impl Desk {
    fn next_manner(&self) -> Manner {
        let mut manners = self.manners.lock();
        match manners.len() {
            0 => Manner::Tunnel,
            1 => manners[0].clone(),
            _ => manners.pop_front().unwrap_or(Manner::Tunnel),
        }
    }
}

async fn tunnel(mut client: TcpStream, to: SocketAddr) -> io::Result<()> {
    let Ok(mut server) = TcpStream::connect(to).await else {
        return client.write_all(b"HTTP/1.1 502 Bad Gateway\r\n\r\n").await;
    };
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
    copy_bidirectional(&mut client, &mut server).await.map(drop)
}
