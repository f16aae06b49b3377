//! What one client may cost: slow ones, many ones, and those that misuse HTTP/2, asked over raw sockets.

use std::time::{Duration, Instant};

use callbacks_web::serving::server::{ServerSettings, serve_with};
use callbacks_web::state::RequestLimits;
use sqlx::PgPool;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::support::Service;

const LIVENESS: &[u8] = b"GET /actuator/health/liveness HTTP/1.1\r\nhost: a\r\n\r\n";
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;

/// A service that listens, with times a test can wait for.
pub(crate) struct Listening {
    pub(crate) port: u16,
    running: JoinHandle<std::io::Result<()>>,
    _service: Service,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.running.abort();
    }
}

impl Listening {
    pub(crate) async fn start(pool: PgPool, settings: ServerSettings) -> Self {
        let limits = RequestLimits { request_timeout: Duration::from_secs(1), ..RequestLimits::default() };
        let service = Service::with_limits(pool, limits).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let running = tokio::spawn(serve_with(listener, service.state(), CancellationToken::new(), settings));
        Self { port, running, _service: service }
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.port)).await.expect("a connection")
    }

    /// Sends these bytes and reads until the service closes, or for a while.
    pub(crate) async fn exchange(&self, bytes: &[u8], patience: Duration) -> Vec<u8> {
        let mut stream = self.connect().await;
        stream.write_all(bytes).await.expect("written");
        everything(&mut stream, patience).await
    }

    /// Whether an ordinary request is answered.
    pub(crate) async fn answers(&self) -> bool {
        let mut stream = self.connect().await;
        stream.write_all(LIVENESS).await.expect("written");
        let mut answer = [0; 12];
        let read = tokio::time::timeout(Duration::from_secs(5), stream.read_exact(&mut answer)).await;
        read.is_ok_and(|read| read.is_ok()) && answer.as_slice() == b"HTTP/1.1 200"
    }
}

pub(crate) fn brisk() -> ServerSettings {
    ServerSettings { header_read_timeout: Duration::from_secs(1), ..ServerSettings::default() }
}

async fn everything(stream: &mut TcpStream, patience: Duration) -> Vec<u8> {
    let (mut answer, mut piece) = (Vec::new(), vec![0; 64 << 10]);
    let _patience_over = tokio::time::timeout(patience, async {
        while let Ok(read @ 1..) = stream.read(&mut piece).await {
            answer.extend_from_slice(&piece[..read]);
        }
    })
    .await;
    answer
}

/// The status of an HTTP/1.1 answer; 0 for anything else.
pub(crate) fn status(answer: &[u8]) -> u16 {
    let text = String::from_utf8_lossy(answer);
    text.get(9..12).and_then(|code| code.parse().ok()).unwrap_or_default()
}

#[sqlx::test(migrations = "../../migrations")]
async fn who_dribbles_a_head_is_cut_off(pool: PgPool) {
    let service = Listening::start(pool, brisk()).await;
    let dribbles = (0..200).map(|_| async {
        let mut stream = service.connect().await;
        let begun = Instant::now();
        let _cut = tokio::time::timeout(Duration::from_secs(10), async {
            stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n").await?;
            loop {
                stream.write_all(b"x").await?;
                let mut answer = [0; 64];
                let asked = tokio::time::timeout(Duration::from_millis(100), stream.read(&mut answer)).await;
                if asked.is_ok() {
                    return std::io::Result::Ok(());
                }
            }
        })
        .await;
        begun.elapsed()
    });
    let legitimate = async {
        let mut slowest = Duration::ZERO;
        for _ in 0..10 {
            let begun = Instant::now();
            assert!(service.answers().await);
            slowest = slowest.max(begun.elapsed());
        }
        slowest
    };
    let (lasted, slowest) = tokio::join!(futures::future::join_all(dribbles), legitimate);
    let longest = lasted.into_iter().max().expect("some");
    assert!(longest < Duration::from_secs(5), "a dribble lasted {longest:?} with a limit of 1 s");
    assert!(slowest < Duration::from_secs(2), "an ordinary request took {slowest:?} meanwhile");
    let silent = Instant::now();
    assert!(service.exchange(b"", Duration::from_secs(10)).await.is_empty());
    assert!(silent.elapsed() < Duration::from_secs(5), "a connection that says nothing is closed too");
}

#[sqlx::test(migrations = "../../migrations")]
async fn who_dribbles_a_body_gets_408(pool: PgPool) {
    let service = Listening::start(pool, brisk()).await;
    let head = |length: &str| {
        format!("POST /api/v1/events HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n{length}\r\n")
    };
    for (length, piece) in [
        ("content-length: 100\r\n", "{"),
        ("transfer-encoding: chunked\r\n", "1\r\n{\r\n"),
        ("x-idempotency-key: k\r\ncontent-length: 9\r\n", "{"),
    ] {
        let mut stream = service.connect().await;
        stream.write_all(head(length).as_bytes()).await.expect("written");
        stream.write_all(piece.as_bytes()).await.expect("written");
        let answer = everything(&mut stream, Duration::from_secs(3)).await;
        assert_eq!(status(&answer), 408, "{length}: {}", String::from_utf8_lossy(&answer));
    }
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_request_has_one_length(pool: PgPool) {
    let service = Listening::start(pool, brisk()).await;
    let post = |headers: &str| format!("POST /api/v1/events HTTP/1.1\r\nhost: a\r\n{headers}\r\n");
    for refused in [
        post("content-length: 5\r\ntransfer-encoding: chunked\r\n"),
        post("transfer-encoding: chunked\r\ncontent-length: 5\r\n"),
        post("content-length: +5\r\n"),
        post("content-length: 5\r\ncontent-length: 6\r\n"),
        post("content-length: 18446744073709551616\r\n"),
        post("transfer-encoding: identity\r\n"),
        post("transfer-encoding: chunked, identity\r\n"),
        post("transfer-encoding: chunked\r\n") + "f0000000000000003\r\n",
        post("transfer-encoding: chunked\r\n") + "-1\r\n",
        "POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\r\nhost: a\r\n x: folded\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\r\nhost : a\r\n\r\n".to_owned(),
        "GET\0 / HTTP/1.1\r\nhost: a\r\n\r\n".to_owned(),
        "GET / HTTP/9.9\r\n\r\n".to_owned(),
        "nonsense\r\n\r\n".to_owned(),
    ] {
        let answer = service.exchange(refused.as_bytes(), Duration::from_secs(3)).await;
        assert_eq!(status(&answer), 400, "{refused:?}: {}", String::from_utf8_lossy(&answer));
    }
    let after_another = [
        LIVENESS,
        post("content-length: 5\r\ntransfer-encoding: chunked\r\n").as_bytes(),
        b"0\r\n\r\n",
        LIVENESS,
    ]
    .concat();
    let answers = service.exchange(&after_another, Duration::from_secs(3)).await;
    let answers = String::from_utf8_lossy(&answers).matches("HTTP/1.1").count();
    assert_eq!(answers, 2, "what follows a request with two lengths is not read");
}

#[sqlx::test(migrations = "../../migrations")]
async fn connections_beyond_the_limit_wait(pool: PgPool) {
    let service = Listening::start(pool, ServerSettings { max_connections: 2, ..brisk() }).await;
    let (first, _second) = (service.connect().await, service.connect().await);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let mut third = service.connect().await;
    third.write_all(LIVENESS).await.expect("written");
    assert!(everything(&mut third, Duration::from_millis(300)).await.is_empty(), "it waits for its turn");
    drop(first);
    assert_eq!(status(&everything(&mut third, Duration::from_millis(700)).await), 200);
}

#[sqlx::test(migrations = "../../migrations")]
async fn who_asks_for_nothing_makes_room(pool: PgPool) {
    let patient = Duration::from_secs(60);
    let settings = ServerSettings { max_connections: 4, header_read_timeout: patient, ..brisk() };
    let service = Listening::start(pool, settings).await;
    let mut served = service.connect().await;
    served.write_all(LIVENESS).await.expect("written");
    assert_eq!(status(&everything(&mut served, Duration::from_millis(300)).await), 200);
    let mut idle = Vec::new();
    for beginning in [LIVENESS.split_at(20).0, PREFACE, b""] {
        let mut stream = service.connect().await;
        stream.write_all(beginning).await.expect("written");
        idle.push(stream);
    }
    // Nobody is sent away who has only just come.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let mut newcomers = Vec::new();
    for one in &mut idle {
        let start = Instant::now();
        assert!(service.answers().await, "somebody leaves");
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
        // Who was answered has left as well, so that the next one needs nobody's place.
        let mut another = service.connect().await;
        another.write_all(LIVENESS.split_at(20).0).await.expect("written");
        newcomers.push(another);
        let mut rest = Vec::new();
        let left = tokio::time::timeout(Duration::from_secs(3), one.read_to_end(&mut rest)).await;
        assert!(left.is_ok(), "who waits longest leaves first");
    }
    served.write_all(LIVENESS).await.expect("written");
    let answer = everything(&mut served, Duration::from_millis(300)).await;
    assert_eq!(status(&answer), 200, "who was served stays while others never asked");
}

/// An HTTP/2 frame (RFC 9113, 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// `GET`, or with `open` a `POST` whose body is still to come, of `/actuator/health/liveness`, from HPACK's static table.
fn request(stream: u32, open: bool) -> Vec<u8> {
    const PATH: &[u8] = b"/actuator/health/liveness";
    let path_length = u8::try_from(PATH.len()).expect("short");
    let method = if open { 0x83 } else { 0x82 };
    let block = [&[method, 0x86, 0x04, path_length], PATH, &[0x41, 1, b'a']].concat();
    frame(HEADERS, if open { 4 } else { 5 }, stream, &block)
}

pub(crate) type Frames = Box<dyn Iterator<Item = Vec<u8>> + Send>;

/// The frames of a flood, by what it is made of.
pub(crate) fn frames_of(flood: &str) -> Option<Frames> {
    if flood.contains("rapid reset") {
        return Some(Box::new((0..20_000).map(|number| {
            let stream = number * 2 + 1;
            [request(stream, true), frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes())].concat()
        })));
    }
    if flood.contains("empty DATA") {
        let empty = (0..200_000).map(|_| frame(DATA, 0, 1, &[]));
        return Some(Box::new(std::iter::once(request(1, true)).chain(empty)));
    }
    flood.contains("CONTINUATION").then(|| {
        let endless = (0..50_000).map(|_| frame(CONTINUATION, 0, 1, &[0x00, 1, b'x', 1, b'y']));
        Box::new(std::iter::once(frame(HEADERS, 0, 1, &[0x82])).chain(endless)) as Frames
    })
}

/// Kinds of the frames in what the service sent.
pub(crate) fn kinds(mut bytes: &[u8]) -> Vec<u8> {
    let mut kinds = Vec::new();
    while let [a, b, c, kind, ..] = *bytes {
        kinds.push(kind);
        let length = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
        bytes = bytes.get(9 + length..).unwrap_or_default();
    }
    kinds
}

/// Sends as much of a flood as the service takes, reading beside it; what it said in the end.
pub(crate) async fn flood(service: &Listening, frames: Frames) -> Vec<u8> {
    let (mut reader, mut writer) = service.connect().await.into_split();
    let reading = tokio::spawn(async move {
        let (mut answer, mut piece) = (Vec::new(), vec![0; 64 << 10]);
        while let Ok(read @ 1..) = reader.read(&mut piece).await {
            answer.extend_from_slice(&piece[..read]);
        }
        answer
    });
    let sent = async {
        writer.write_all(PREFACE).await?;
        for frame in frames {
            writer.write_all(&frame).await?;
        }
        std::io::Result::Ok(())
    };
    let _closed_on_us = tokio::time::timeout(Duration::from_secs(10), sent).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    drop(writer);
    tokio::time::timeout(Duration::from_secs(5), reading)
        .await
        .expect("the service closes")
        .expect("no panic")
}

#[sqlx::test(migrations = "../../migrations")]
async fn floods_over_http2_end_with_goaway(pool: PgPool) {
    let service = Listening::start(pool, brisk()).await;
    let ordinary = flood(&service, Box::new(std::iter::once(request(1, false)))).await;
    assert!(kinds(&ordinary).contains(&HEADERS), "an ordinary request is answered: {:?}", kinds(&ordinary));
    assert!(!kinds(&ordinary).contains(&GOAWAY));

    let unpadded = Box::new(std::iter::once(frame(DATA, 0, 0, &[])));
    let known = ["rapid reset", "empty DATA frames", "CONTINUATION"];
    let floods = known.map(|name| (name, frames_of(name).expect("a flood")));
    for (name, frames) in floods.into_iter().chain([("DATA on stream 0", unpadded as Frames)]) {
        let answer = flood(&service, frames).await;
        assert!(
            kinds(&answer).contains(&GOAWAY),
            "{name}: {:?}",
            kinds(&answer).iter().rev().take(5).collect::<Vec<_>>()
        );
        assert!(service.answers().await, "{name} harms nobody else");
    }
}

#[sqlx::test(migrations = "../../migrations")]
async fn who_asks_for_answers_and_reads_none_waits(pool: PgPool) {
    let service = Listening::start(pool, brisk()).await;
    for frame in [frame(PING, 0, 0, &[0; 8]), frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 1])] {
        let mut stream = service.connect().await;
        stream.write_all(PREFACE).await.expect("written");
        let burst = frame.repeat(1000);
        let mut sent = 0_usize;
        let _stuck = tokio::time::timeout(Duration::from_secs(3), async {
            while sent < 64 << 20 && stream.write_all(&burst).await.is_ok() {
                sent += burst.len();
            }
        })
        .await;
        assert!(sent < 64 << 20, "answers nobody reads are not gathered without end");
        assert!(service.answers().await);
    }
}
