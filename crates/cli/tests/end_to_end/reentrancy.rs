//! Endpoints that call this service's API before they answer it.

use std::time::{Duration, Instant};

use callbacks_testkit::hostile_corpus::{Section, entries};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::support::api::Api;
use crate::support::scene::{EVENT_TYPE, Scene};

/// More than a replica has connections to its database.
const AT_ONCE: usize = 60;

/// Answers one delivery, after changing the configuration it came from and reading its executions.
async fn endpoint(mut stream: TcpStream, api: Api) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"}") {
        if stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let text = String::from_utf8_lossy(&request).into_owned();
    let id = text.split_whitespace().nth(1).unwrap_or_default().trim_start_matches('/').to_owned();
    let answer = match called_back(&api, &id).await {
        true => "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        false => "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
    };
    stream.write_all(answer.as_bytes()).await
}

async fn called_back(api: &Api, number: &str) -> bool {
    let found = api.call(Method::GET, "/api/v1/callback-configurations?size=500", None).await;
    let Ok(found) = found else { return false };
    let named = |one: &&Value| one["name"] == number;
    let Some(own) = found.body["content"].as_array().and_then(|all| all.iter().find(named)) else {
        return false;
    };
    let path = format!("/api/v1/callback-configurations/{}", own["id"].as_str().unwrap_or_default());
    let change = json!({"description": "changed by its own endpoint"});
    let event = json!({"type": "nobody.listens", "payload": {}});
    for (method, path, body) in
        [(Method::PATCH, path.as_str(), &change), (Method::POST, "/api/v1/events?wait=1s", &event)]
    {
        let answered = api.call(method, path, Some(body)).await;
        if !answered.is_ok_and(|answer| answer.status.is_success()) {
            return false;
        }
    }
    true
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn endpoints_may_call_the_api_while_it_waits_for_them() {
    let scene = Scene::with_replicas(1, &[]).await;
    let api = scene.replicas[0].api();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let address = listener.local_addr().expect("an address");
    let callers = api.clone();
    let endpoints = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(endpoint(stream, callers.clone()));
        }
    });
    api.authorize(&address.to_string()).await;
    for number in 0..AT_ONCE {
        let named = json!({"name": format!("endpoint-{number}"), "maxRetries": 0});
        api.configure(&format!("http://{address}/endpoint-{number}"), EVENT_TYPE, named).await;
    }
    let started = Instant::now();
    let event = json!({"type": EVENT_TYPE, "payload": {}});
    let answer = api.expect(200, Method::POST, "/api/v1/events?wait=15s", Some(&event)).await;
    let took = started.elapsed();
    assert_eq!((&answer["delivered"], &answer["failed"]), (&json!(AT_ONCE), &json!(0)), "{answer}");
    assert!(took < Duration::from_secs(10), "{took:?} is as if they had waited for each other");
    let readable = api.call(Method::GET, "/api/v1/callback-configurations", None).await.expect("answers");
    assert_eq!(readable.status, 200, "nothing is held afterwards");
    endpoints.abort();
    let mut section = Section::new("endpoint_behaviour", file!());
    let entry =
        entries("endpoint_behaviour").into_iter().find(|entry| entry.id == "EB-061").expect("is listed");
    section.record(
        &entry,
        "delivered: 60 endpoints at once change their own configuration and publish before they answer",
    );
    section.finish();
}
