//! Name servers of our own choice: a real one, on a UDP port of this machine.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use callbacks_core::delivery::transport::{Transport, TxtFailure};
use callbacks_egress::{EgressSettings, HttpTransport};
use callbacks_testkit::webhook_receiver::WebhookReceiver;
use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, TXT};
use hickory_resolver::proto::rr::{RData, Record};
use support::{request, response};
use tokio::net::UdpSocket;

mod support;

/// What the server answers, by name; other names do not exist.
type Zone = HashMap<&'static str, Reply>;

enum Reply {
    Records(Vec<RData>),
    Fails,
    Silent,
}

/// A name server; ends with the test's runtime.
async fn name_server(zone: Zone) -> SocketAddr {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port is free");
    let address = socket.local_addr().expect("it has an address");
    let zone = Arc::new(zone);
    tokio::spawn(async move {
        let mut buffer = [0; 4096];
        loop {
            let (length, peer) = socket.recv_from(&mut buffer).await.expect("the socket works");
            let question = Message::from_vec(&buffer[..length]).expect("a question");
            if let Some(answer) = answer(&zone, &question) {
                let octets = answer.to_vec().expect("an answer can be written");
                socket.send_to(&octets, peer).await.expect("the socket works");
            }
        }
    });
    address
}

fn answer(zone: &Zone, question: &Message) -> Option<Message> {
    let query = question.queries.first().expect("a name");
    let name = query.name.to_string().to_ascii_lowercase();
    let (id, op_code) = (question.metadata.id, question.metadata.op_code);
    let mut answer = match zone.get(name.as_str()) {
        None => Message::error_msg(id, op_code, ResponseCode::NXDomain),
        Some(Reply::Fails) => Message::error_msg(id, op_code, ResponseCode::ServFail),
        Some(Reply::Silent) => return None,
        Some(Reply::Records(records)) => {
            let mut answer = Message::response(id, op_code);
            let wanted = records.iter().filter(|data| data.record_type() == query.query_type);
            answer.add_answers(wanted.map(|data| Record::from_rdata(query.name.clone(), 60, data.clone())));
            answer
        }
    };
    answer.add_query(query.clone());
    Some(answer)
}

fn text(parts: &[&str]) -> RData {
    RData::TXT(TXT::new(parts.iter().map(|part| (*part).to_owned()).collect()))
}

async fn transport(zone: Zone) -> HttpTransport {
    let settings = EgressSettings {
        name_servers: vec![name_server(zone).await],
        dns_timeout: Duration::from_secs(1),
        ..EgressSettings::default()
    };
    HttpTransport::new(settings).expect("the way out opens")
}

#[tokio::test]
async fn txt_records_are_read_whole() {
    let records = vec![text(&["v=spf1 -all"]), text(&["first-", "second"])];
    let transport = transport(Zone::from([
        ("_callbacks-challenge.example.com.", Reply::Records(records)),
        ("bare.example.com.", Reply::Records(Vec::new())),
        ("broken.example.com.", Reply::Fails),
    ]))
    .await;
    let mut found = transport.txt("_callbacks-challenge.Example.com").await.expect("records");
    found.sort();
    assert_eq!(found, ["first-second", "v=spf1 -all"]);
    assert_eq!(transport.txt("bare.example.com").await, Err(TxtFailure::NoRecord));
    assert_eq!(transport.txt("unknown.example.com").await, Err(TxtFailure::NoRecord));
    assert_eq!(transport.txt("broken.example.com").await, Err(TxtFailure::ServerFailure));
}

#[tokio::test]
async fn a_silent_name_server_is_not_waited_for_long() {
    let transport = transport(Zone::from([("silent.example.com.", Reply::Silent)])).await;
    let asked = Instant::now();
    assert_eq!(transport.txt("silent.example.com").await, Err(TxtFailure::Timeout));
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
}

#[tokio::test]
async fn callbacks_find_their_hosts_there_too() {
    let receiver = WebhookReceiver::start().await;
    let loopback = RData::A(A(Ipv4Addr::LOCALHOST));
    let transport = transport(Zone::from([("hooks.example.com.", Reply::Records(vec![loopback]))])).await;
    let answer = response(transport.send(request(&receiver.url_at("hooks.example.com", "/hook"))).await);
    assert_eq!((answer.status, receiver.count()), (200, 1));
}
