//! Hostile bodies and queries are answered with a 4xx, or taken as plain data; never with a 5xx.

use crate::support::{Answer, Service, raw_request};
use serde_json::{Map, Value, json};
use sqlx::PgPool;

const CORPUS: &str = include_str!("../vectors/hostile_requests.json");
const CONFIGURATIONS: &str = "/api/v1/callback-configurations";

/// Expands `{"$repeat":[s,n]}`, `{"$concat":[…]}` and `{"$repeat_list":[x,n]}`.
fn expanded(value: &Value) -> Value {
    let Value::Object(members) = value else {
        return match value {
            Value::Array(items) => items.iter().map(expanded).collect(),
            other => other.clone(),
        };
    };
    let count = |pair: &Value| usize::try_from(pair[1].as_u64().expect("a count")).expect("small");
    if let Some(pair) = members.get("$repeat") {
        return pair[0].as_str().expect("text").repeat(count(pair)).into();
    }
    if let Some(pair) = members.get("$repeat_list") {
        return vec![expanded(&pair[0]); count(pair)].into();
    }
    if let Some(parts) = members.get("$concat").and_then(Value::as_array) {
        return parts
            .iter()
            .map(|part| expanded(part).as_str().expect("text").to_owned())
            .collect::<String>()
            .into();
    }
    members.iter().map(|(name, member)| (name.clone(), expanded(member))).collect::<Map<_, _>>().into()
}

fn body_of(input: &Value) -> Option<Vec<u8>> {
    use base64::Engine as _;
    let depth = || usize::try_from(input["depth"].as_u64().expect("a depth")).expect("small");
    match input["gen"].as_str()? {
        "nested_arrays" => {
            Some(format!("{{\"metadata\":{{\"a\":{}{}}}}}", "[".repeat(depth()), "]".repeat(depth())).into())
        }
        "nested_objects" => Some(format!("{}1{}", "{\"a\":".repeat(depth()), "}".repeat(depth())).into()),
        "raw" => Some(input["raw"].as_str()?.as_bytes().to_vec()),
        "raw_b64" => base64::engine::general_purpose::STANDARD.decode(input["b64"].as_str()?).ok(),
        "many_keys" => {
            let keys: Vec<String> = (0..input["keys"].as_u64()?).map(|key| format!("\"k{key}\":1")).collect();
            Some(format!("{{\"metadata\":{{{}}}}}", keys.join(",")).into())
        }
        _ => None,
    }
}

/// A complete configuration around the members a corpus entry brings along.
fn completed(body: Vec<u8>) -> Vec<u8> {
    let Ok(Value::Object(members)) = serde_json::from_slice::<Value>(&body) else { return body };
    let mut whole = json!({"name": "n", "url": "https://example.com/h", "subscribedEventTypes": ["*"]});
    for (name, value) in members {
        whole[name] = value;
    }
    whole.to_string().into_bytes()
}

async fn outcome(service: &Service, entry: &Value) -> Option<Answer> {
    let input = &entry["input"];
    if let Some(filter) = input.get("filter_body") {
        return Some(service.post(&format!("{CONFIGURATIONS}/filter"), &expanded(filter)).await);
    }
    let with = |field: &str, value: Value| {
        let mut body = json!({"name": "n", "url": "https://example.com/h", "subscribedEventTypes": ["*"]});
        body[field] = value;
        body
    };
    if let Some(pattern) = input.get("event_type_pattern") {
        return Some(
            service.post(CONFIGURATIONS, &with("subscribedEventTypes", json!([expanded(pattern)]))).await,
        );
    }
    if let Some(expression) = input.get("filter_expression") {
        return Some(service.post(CONFIGURATIONS, &with("filterExpression", expanded(expression))).await);
    }
    if input["gen"] == "content_type" {
        let kind = input["ct"].as_str().expect("text");
        return Some(service.send(raw_request("POST", CONFIGURATIONS, kind, "{}")).await);
    }
    let body = body_of(input)?;
    let request = if input["target"] == "publish" {
        let event = format!("{{\"type\":\"t\",\"payload\":{}}}", String::from_utf8_lossy(&body));
        raw_request("POST", "/api/v1/events", "application/json", event)
    } else {
        raw_request("POST", CONFIGURATIONS, "application/json", completed(body))
    };
    Some(service.send(request).await)
}

#[sqlx::test(migrations = "../../migrations")]
async fn the_corpus_is_survived(pool: PgPool) {
    let service = Service::start(pool).await;
    let corpus: Vec<Value> = serde_json::from_str(CORPUS).expect("the corpus");
    let mut tried = 0;
    for entry in &corpus {
        let Some(answer) = outcome(&service, entry).await else { continue };
        tried += 1;
        let refused = answer.status.is_client_error();
        let expected = entry["expect"]["verdict"] == "reject";
        // More rows a page than 500 are refused here, whatever else the request holds.
        let too_large = entry["input"]["filter_body"]["size"].as_i64().is_some_and(|size| size > 500);
        assert_eq!(refused, expected || too_large, "{entry}: {} {}", answer.status, answer.text);
        assert!(!answer.status.is_server_error(), "{entry}: {}", answer.text);
    }
    assert!(tried > 45, "only {tried} entries were tried");
}
