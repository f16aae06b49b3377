//! The endpoints: one thread that reads webhooks as cheaply as possible and notes them in the ledgers.
//!
//! A path is `/{hook|fail|hang}/{ledger}/{endpoint}`: `hook` answers 200, `fail` answers 500, `hang` never answers.
//! Its processor time counts against the service on a small machine, hence no HTTP library here.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, RwLock};

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::event_bytes::sequence_of;
use crate::ledger::Ledger;
use crate::wire_head::{Head, digits};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
const FAILED: &[u8] = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n";
const BUFFER_BYTES: usize = 64 * 1024;

/// How an endpoint treats what it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behaviour {
    /// 200 at once.
    Healthy,
    /// 500 at once.
    Failing,
    /// Takes the request and never answers.
    BlackHole,
}

/// The receiver's address and its ledgers. The thread ends with the process.
#[derive(Clone)]
pub(crate) struct Receiver {
    address: SocketAddr,
    ledgers: Arc<RwLock<Vec<Arc<Ledger>>>>,
}

impl Receiver {
    /// Binds a free loopback port and starts the thread.
    pub(crate) fn start() -> Result<Self> {
        let listener =
            std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("binding the receiver")?;
        listener.set_nonblocking(true)?;
        let receiver = Self { address: listener.local_addr()?, ledgers: Arc::default() };
        let ledgers = Arc::clone(&receiver.ledgers);
        std::thread::Builder::new().name("receiver".to_owned()).spawn(move || run(listener, &ledgers))?;
        Ok(receiver)
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Opens `ledger` and returns its number, for [`Receiver::url`].
    pub(crate) fn open(&self, ledger: &Arc<Ledger>) -> usize {
        let mut ledgers = self.ledgers.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        ledgers.push(Arc::clone(ledger));
        ledgers.len() - 1
    }

    /// The URL of an endpoint whose receipts go to ledger `number`.
    pub(crate) fn url(&self, behaviour: Behaviour, number: usize, endpoint: usize) -> String {
        let kind = match behaviour {
            Behaviour::Healthy => "hook",
            Behaviour::Failing => "fail",
            Behaviour::BlackHole => "hang",
        };
        format!("http://{}/{kind}/{number}/{endpoint}", self.address)
    }
}

fn run(listener: std::net::TcpListener, ledgers: &Arc<RwLock<Vec<Arc<Ledger>>>>) -> Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_io().build()?.block_on(async {
        let listener = TcpListener::from_std(listener)?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::spawn(Connection { stream, ledgers: Arc::clone(ledgers), current: None }.serve());
        }
    })
}

struct Connection {
    stream: TcpStream,
    ledgers: Arc<RwLock<Vec<Arc<Ledger>>>>,
    current: Option<(usize, Arc<Ledger>)>,
}

impl Connection {
    /// Serves until the peer closes or sends what this receiver cannot read.
    async fn serve(mut self) -> Result<()> {
        let mut buffer = vec![0; BUFFER_BYTES];
        let mut filled = 0;
        loop {
            let mut taken = 0;
            while let Some(head) = whole_message(&buffer[taken..filled])? {
                let (text, body) = buffer[taken..taken + head.total()].split_at(head.length);
                match self.note(text, body)? {
                    Behaviour::Healthy => self.stream.write_all(OK).await?,
                    Behaviour::Failing => self.stream.write_all(FAILED).await?,
                    Behaviour::BlackHole => {}
                }
                taken += head.total();
            }
            buffer.copy_within(taken..filled, 0);
            filled -= taken;
            if filled == buffer.len() {
                bail!("a webhook is longer than {BUFFER_BYTES} bytes");
            }
            match self.stream.read(&mut buffer[filled..]).await? {
                0 => return Ok(()),
                read => filled += read,
            }
        }
    }

    fn note(&mut self, head: &[u8], body: &[u8]) -> Result<Behaviour> {
        let target = Target::parse(head).context("an unknown path")?;
        let ledger = self.ledger(target.ledger)?;
        if target.behaviour != Behaviour::Healthy {
            ledger.note_refused_attempt();
        } else if let Some(sequence) = sequence_of(body) {
            ledger.note_received(sequence, target.endpoint);
        }
        Ok(target.behaviour)
    }

    fn ledger(&mut self, number: usize) -> Result<&Ledger> {
        if self.current.as_ref().is_none_or(|(current, _)| *current != number) {
            let ledgers = self.ledgers.read().unwrap_or_else(std::sync::PoisonError::into_inner);
            let ledger = ledgers.get(number).context("an unknown ledger")?;
            self.current = Some((number, Arc::clone(ledger)));
        }
        self.current.as_ref().map(|(_, ledger)| &**ledger).context("no ledger")
    }
}

fn whole_message(buffer: &[u8]) -> Result<Option<Head>> {
    Ok(Head::parse(buffer)?.filter(|head| head.total() <= buffer.len()))
}

struct Target {
    behaviour: Behaviour,
    ledger: usize,
    endpoint: usize,
}

impl Target {
    fn parse(message: &[u8]) -> Option<Self> {
        let path = message.split(|byte| *byte == b' ').nth(1)?;
        let mut parts = path.split(|byte| *byte == b'/').skip(1);
        let behaviour = match parts.next()? {
            b"hook" => Behaviour::Healthy,
            b"fail" => Behaviour::Failing,
            b"hang" => Behaviour::BlackHole,
            _ => return None,
        };
        Some(Self { behaviour, ledger: digits(parts.next()?).ok()?, endpoint: digits(parts.next()?).ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_behaviour_ledger_and_endpoint() {
        let target = Target::parse(b"POST /hang/12/3 HTTP/1.1\r\n\r\n").expect("is a target");
        assert_eq!((target.behaviour, target.ledger, target.endpoint), (Behaviour::BlackHole, 12, 3));
        assert!(Target::parse(b"GET / HTTP/1.1\r\n\r\n").is_none());
    }
}
