//! Sockets: HTTP/1.1 and HTTP/2 on one port, limits of the head, and the drain.

use std::time::Duration;

use crate::support::Service;
use callbacks_web::serving;
use sqlx::PgPool;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

async fn exchange(port: u16, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("a connection");
    stream.write_all(request).await.expect("written");
    let mut answer = vec![0; 64 << 10];
    let read = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut answer)).await.expect("in time");
    answer.truncate(read.expect("read"));
    String::from_utf8_lossy(&answer).into_owned()
}

#[sqlx::test(migrations = "../../migrations")]
async fn heads_are_bounded_and_shutdown_drains(pool: PgPool) {
    let service = Service::start(pool).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(serving::serve(listener, service.state(), shutdown.clone()));

    let plain = exchange(port, b"GET /actuator/health/liveness HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(plain.starts_with("HTTP/1.1 200"), "{plain}");
    let many = format!("GET / HTTP/1.1\r\nhost: a\r\n{}\r\n", "x: y\r\n".repeat(1000));
    let huge = format!("GET / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "y".repeat(128 << 10));
    for head in [many, huge] {
        let answer = exchange(port, head.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 431"), "{} bytes: {answer}", head.len());
    }
    for smuggled in [
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: +5\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n",
        "nonsense\r\n\r\n",
    ] {
        let answer = exchange(port, smuggled.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{smuggled}: {answer}");
    }
    let h2 = exchange(port, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await;
    assert!(h2.as_bytes().get(3) == Some(&4), "a SETTINGS frame answers the preface: {h2:?}");

    let mut idle = TcpStream::connect(("127.0.0.1", port)).await.expect("a connection");
    idle.write_all(b"GET /actuator/health/liveness HTTP/1.1\r\nhost: a\r\n\r\n").await.expect("written");
    let mut answer = [0; 1024];
    assert!(idle.read(&mut answer).await.expect("read") > 0);
    shutdown.cancel();
    let ended = tokio::time::timeout(Duration::from_secs(5), running)
        .await
        .expect("the drain ends")
        .expect("no panic");
    assert!(ended.is_ok());
    assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err(), "nothing listens any more");
    assert_eq!(service.get("/actuator/health/readiness").await.status, 503);
}
