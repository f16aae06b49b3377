//! A receiver for development: it prints what arrives, says whether the signature is right, and breaks on purpose.

mod request_report;

use std::{
    convert::Infallible,
    io::{self, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use http::{HeaderName, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use request_report::RequestReport;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::TaskTracker;

/// Longer bodies are answered with 413.
const BODY_LIMIT: usize = 16 * 1024 * 1024;

#[derive(Debug, Clone, clap::Args)]
pub(super) struct Listen {
    /// Address to listen on
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    host: IpAddr,
    /// TCP port to listen on
    #[arg(long, default_value_t = 9000)]
    port: u16,
    /// Secret of the callback configuration; without it signatures are printed, not verified
    #[arg(long, env = "CALLBACK_SECRET", hide_env_values = true)]
    secret: Option<String>,
    /// Header the signature comes in
    #[arg(long, default_value = "x-firefly-signature")]
    signature_header: HeaderName,
    /// Answer 404 to every other path
    #[arg(long)]
    path: Option<String>,
    /// Status to answer with; 500 plays a broken receiver
    #[arg(long, alias = "respond", default_value_t = 200, value_parser = clap::value_parser!(u16).range(200..=599))]
    status: u16,
    /// Answer 500 to the first N requests
    #[arg(long, default_value_t = 0, value_name = "N")]
    fail_first: u64,
}

/// What all connections share.
struct Receiver {
    options: Listen,
    received: AtomicU64,
}

impl Listen {
    /// Receives until SIGINT.
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let listener = TcpListener::bind(SocketAddr::new(self.host, self.port)).await?;
        let path = self.path.as_deref().unwrap_or("/");
        writeln!(io::stdout(), "listening on http://{}{path}, ^C ends", listener.local_addr()?)?;
        let receiver = Arc::new(Receiver { options: self, received: AtomicU64::new(0) });
        let connections = TaskTracker::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    let (stream, _) = accepted?;
                    connections.spawn(serve(Arc::clone(&receiver), stream));
                }
                interrupted = tokio::signal::ctrl_c() => return Ok(interrupted?),
            }
        }
    }
}

async fn serve(receiver: Arc<Receiver>, stream: TcpStream) {
    let service = service_fn(|request| {
        let receiver = Arc::clone(&receiver);
        async move { Ok::<_, Infallible>(receiver.answer(request).await) }
    });
    // A connection that breaks is the sender's to report.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

impl Receiver {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let Ok(body) = Limited::new(body, BODY_LIMIT).collect().await else {
            return respond(StatusCode::PAYLOAD_TOO_LARGE);
        };
        let number = self.received.fetch_add(1, Ordering::Relaxed) + 1;
        let status = self.status(number, head.uri.path());
        let report = RequestReport {
            number,
            head: &head,
            body: &body.to_bytes(),
            signature_header: &self.options.signature_header,
            secret: self.options.secret.as_deref(),
            answered: status,
        };
        // Whoever reads us left: keep answering the sender.
        let _ = write!(io::stdout(), "{report}");
        respond(status)
    }

    fn status(&self, number: u64, path: &str) -> StatusCode {
        let options = &self.options;
        if options.path.as_deref().is_some_and(|only| only != path) {
            return StatusCode::NOT_FOUND;
        }
        if number <= options.fail_first {
            return StatusCode::INTERNAL_SERVER_ERROR;
        }
        StatusCode::from_u16(options.status).unwrap_or(StatusCode::OK)
    }
}

fn respond(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}
