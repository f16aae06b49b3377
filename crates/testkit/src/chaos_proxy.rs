//! A TCP proxy that spoils the connection between two parties who mean well.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

use crate::owned_tasks::OwnedTasks;

/// What happens to bytes on their way; applies to connections old and new.
#[derive(Debug, Clone, Copy, Default)]
pub struct Weather {
    /// Added to every piece of data, each way.
    pub latency: Duration,
    /// Bytes per second each way; `None` is unlimited.
    pub bandwidth: Option<u32>,
    /// Data is swallowed; connections stay open and silent.
    pub black_hole: bool,
}

/// Stands between clients and one upstream address.
#[derive(Debug)]
pub struct ChaosProxy {
    address: SocketAddr,
    weather: Arc<Mutex<Weather>>,
    connections: OwnedTasks,
    _accepting: OwnedTasks,
}

impl ChaosProxy {
    /// Starts on a free port in fair weather.
    ///
    /// # Panics
    /// When no port can be bound.
    pub async fn start(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port can be bound");
        let address = listener.local_addr().expect("a bound listener has an address");
        let weather = Arc::new(Mutex::new(Weather::default()));
        let (connections, accepting) = (OwnedTasks::default(), OwnedTasks::default());
        accepting.spawn(accept(listener, upstream, Arc::clone(&weather), connections.clone()));
        Self { address, weather, connections, _accepting: accepting }
    }

    /// Where clients connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes the weather for all connections, from the next piece of data on.
    pub fn set(&self, weather: Weather) {
        *self.weather.lock() = weather;
    }

    /// Cuts every connection there is; new ones are accepted.
    pub fn cut(&self) {
        self.connections.abort_all();
    }
}

async fn accept(
    listener: TcpListener,
    upstream: SocketAddr,
    weather: Arc<Mutex<Weather>>,
    connections: OwnedTasks,
) {
    while let Ok((client, _)) = listener.accept().await {
        let weather = Arc::clone(&weather);
        connections.spawn(async move {
            // Either side may go away at any time; that is what this is for.
            let _ = join(client, upstream, &weather).await;
        });
    }
}

async fn join(client: TcpStream, upstream: SocketAddr, weather: &Mutex<Weather>) -> io::Result<()> {
    let server = TcpStream::connect(upstream).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::try_join!(carry(from_client, to_server, weather), carry(from_server, to_client, weather))?;
    Ok(())
}

async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, weather: &Mutex<Weather>) -> io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let read = from.read(&mut buffer).await?;
        let now = *weather.lock();
        if now.black_hole {
            if read == 0 {
                std::future::pending::<()>().await;
            }
            continue;
        }
        tokio::time::sleep(now.latency).await;
        if read == 0 {
            return to.shutdown().await;
        }
        if let Some(bandwidth) = now.bandwidth {
            let seconds = read as f64 / f64::from(bandwidth.max(1));
            tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
        }
        to.write_all(&buffer[..read]).await?;
    }
}
