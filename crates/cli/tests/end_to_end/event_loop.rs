//! Endpoints that publish what they were sent: a circle must not keep the service busy for ever.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use callbacks_testkit::hostile_corpus::{Section, entries};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::support::patience::eventually_true;
use crate::support::scene::{EVENT_TYPE, Scene};

const HOPS: &str = "X-Callbacks-Hops";
/// Each event goes to both, so every round has twice as many as the one before.
const ENDPOINTS: usize = 2;
/// The first delivery, and three rounds that are still taken.
const DELIVERIES: usize = 2 + 4 + 8 + 16;
const REFUSED: usize = 16;

/// What the endpoints saw: the count each delivery carried, and what their publishing was answered with.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<(String, u16, Value)>>>);

impl Seen {
    fn all(&self) -> Vec<(String, u16, Value)> {
        self.0.lock().expect("is not poisoned").clone()
    }
}

/// Takes a delivery, publishes before it answers, and hands the count on; on `/same` it repeats the event, id and all.
async fn endpoint(mut stream: TcpStream, publish: String, seen: Seen) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"}") {
        if stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let text = String::from_utf8_lossy(&request).into_owned();
    let header = |name: &str| {
        let line = text
            .lines()
            .find_map(|line| line.split_once(": ").filter(|(key, _)| key.eq_ignore_ascii_case(name)));
        line.map(|(_, value)| value.to_owned()).unwrap_or_default()
    };
    let hops = header(HOPS);
    let mut event = json!({"type": EVENT_TYPE, "payload": {}});
    let same = text.starts_with("POST /same ");
    if same {
        event = json!({"id": header("x-event-id"), "type": "same.event", "payload": {}});
    }
    let post = Client::builder().no_proxy().build().expect("a client").post(publish).json(&event);
    let post = if same { post } else { post.header(HOPS, &hops) };
    if let Ok(answer) = post.send().await {
        let (status, body) = (answer.status().as_u16(), answer.json().await.unwrap_or_default());
        seen.0.lock().expect("is not poisoned").push((hops, status, body));
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_circle_of_events_ends() {
    let scene = Scene::with_replicas(1, &[("CALLBACKS_INTAKE__MAX_HOPS", "3")]).await;
    let api = scene.replicas[0].api();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let address = listener.local_addr().expect("an address");
    let (seen, publish) = (Seen::default(), format!("{}/api/v1/events", api.base()));
    let observed = seen.clone();
    let endpoints = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(endpoint(stream, publish.clone(), observed.clone()));
        }
    });
    api.authorize(&address.to_string()).await;
    for number in 0..ENDPOINTS {
        api.configure(&format!("http://{address}/{number}"), EVENT_TYPE, json!({})).await;
        api.configure(&format!("http://{address}/same"), "same.event", json!({})).await;
    }

    let started = Instant::now();
    api.publish(EVENT_TYPE, json!({})).await;
    let whole = Duration::from_secs(15);
    eventually_true(whole, "the circle ends", async || seen.all().len() == DELIVERIES).await;
    let took = started.elapsed();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let seen_now = seen.all();
    assert_eq!(seen_now.len(), DELIVERIES, "nothing follows");
    for (hops, status, body) in &seen_now {
        assert_eq!(*status, if hops == "4" { 400 } else { 202 }, "{hops}: {body}");
    }
    let refused: Vec<_> = seen_now.iter().filter(|(hops, ..)| hops == "4").collect();
    assert_eq!(refused.len(), REFUSED);
    let error = &refused[0].2["errors"][0];
    assert_eq!((&error["field"], &error["code"]), (&json!(HOPS), &json!("LoopDetected")), "{}", refused[0].2);
    assert!(error["message"].as_str().is_some_and(|text| text.contains("passed on 4 times")), "{error}");
    assert!(took < Duration::from_secs(10), "{took:?}");

    let event = json!({"id": "once", "type": "same.event", "payload": {}});
    api.expect(200, Method::POST, "/api/v1/events?wait=10s", Some(&event)).await;
    let repeats: Vec<_> = seen.all().split_off(DELIVERIES);
    assert_eq!(repeats.len(), ENDPOINTS, "the repeated event is not delivered again");
    assert!(
        repeats.iter().all(|(_, status, body)| *status == 202 && body["duplicate"] == true),
        "{repeats:?}"
    );
    endpoints.abort();

    let found = entries("endpoint_behaviour").into_iter().find(|entry| entry.id == "EB-062");
    let mut section = Section::new("endpoint_behaviour", file!());
    let result = "the same event, published again, is recognised by its id and goes nowhere; new events that hand X-Callbacks-Hops on are refused (400, LoopDetected) beyond intake.max_hops: with 3, two endpoints that answer each event with one make 30 deliveries, and no more";
    section.record(&found.expect("is listed"), result);
    section.finish();
}
