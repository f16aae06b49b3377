//! Lists, filters, sorting and search.

use std::collections::BTreeSet;

use crate::support::Service;
use serde_json::{Value, json};
use sqlx::PgPool;

const PATH: &str = "/api/v1/callback-configurations";
const FILTER: &str = "/api/v1/callback-configurations/filter";

async fn filled(pool: PgPool) -> Service {
    let service = Service::start(pool).await;
    for index in 0..7 {
        let body = json!({
            "name": format!("hook {index}"), "url": "https://example.com/h", "subscribedEventTypes": ["*"],
            "maxRetries": index, "status": if index % 2 == 0 { "ACTIVE" } else { "PAUSED" },
            "tenantId": if index < 5 { "a" } else { "b" },
        });
        assert_eq!(service.post(PATH, &body).await.status, 201);
    }
    service
}

fn names(page: &Value) -> Vec<String> {
    let rows = page["content"].as_array().expect("content");
    rows.iter()
        .map(|row| row["name"].as_str().expect("a name").trim_start_matches("hook ").to_owned())
        .collect()
}

#[sqlx::test(migrations = "../../migrations")]
async fn pages_add_up(pool: PgPool) {
    let service = filled(pool).await;
    let mut seen = BTreeSet::new();
    for page in 0..4 {
        let answer = service.post(FILTER, &json!({"page": page, "size": 3})).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!((&answer.json["totalElements"], &answer.json["totalPages"]), (&json!(7), &json!(3)));
        assert_eq!(answer.json["first"], json!(page == 0));
        assert_eq!(answer.json["last"], json!(page >= 2));
        let expected = [3, 3, 1, 0][page];
        assert_eq!(answer.json["numberOfElements"], json!(expected));
        assert_eq!(answer.json["empty"], json!(expected == 0));
        seen.extend(names(&answer.json));
    }
    assert_eq!(seen.len(), 7, "no row twice, none left out");
    let far = service.post(FILTER, &json!({"page": 2_147_483_647, "size": 500})).await;
    assert_eq!((far.status.as_u16(), &far.json["empty"]), (200, &json!(true)));
}

#[sqlx::test(migrations = "../../migrations")]
async fn filters_filter_and_sorts_sort(pool: PgPool) {
    let service = filled(pool).await;
    for (request, expected) in [
        (json!({"sort": ["name,desc"], "size": 2}), vec!["6", "5"]),
        (json!({"sort": [{"field": "maxRetries", "direction": "ASC"}], "size": 2}), vec!["0", "1"]),
        (json!({"sort": ["status", "name,desc"], "size": 3}), vec!["6", "4", "2"]),
        (json!({"filters": {"status": "PAUSED"}, "sort": ["name"]}), vec!["1", "3", "5"]),
        (json!({"filters": {"maxRetries": [0, 6]}, "sort": ["name"]}), vec!["0", "6"]),
        (json!({"filters": {"maxRetries": {"gte": 2, "lt": 4}}, "sort": ["name"]}), vec!["2", "3"]),
        (json!({"filters": {"tenantId": "b"}, "sort": ["name"]}), vec!["5", "6"]),
        (json!({"filters": {"name": {"like": "OOK 5"}}}), vec!["5"]),
        (json!({"filters": {"name": {"like": "%5"}}}), vec![]),
        (json!({"search": "HOOK 3"}), vec!["3"]),
        (json!({"filters": {"name": "%"}}), vec![]),
    ] {
        let answer = service.post(FILTER, &request).await;
        assert_eq!(answer.status, 200, "{request}: {}", answer.text);
        assert_eq!(names(&answer.json), expected, "{request}");
    }
}

#[sqlx::test(migrations = "../../migrations")]
async fn lists_take_the_same_as_query(pool: PgPool) {
    let service = filled(pool).await;
    let answer = service.get(&format!("{PATH}?size=2&sort=name,desc&status=PAUSED&tenantId=a")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(names(&answer.json), ["3", "1"]);
    for query in ["?nonsense=1", "?size=501", "?size=x", "?page=-1", "?sort=secret", "?sort=name,up"] {
        let answer = service.get(&format!("{PATH}{query}")).await;
        assert_eq!(answer.status, 400, "{query}: {}", answer.text);
        assert!(!answer.json["errors"].as_array().expect("errors").is_empty(), "{query}");
    }
    for path in ["/api/v1/authorized-domains", "/api/v1/event-subscriptions"] {
        assert_eq!(service.get(path).await.json["totalElements"], json!(0), "{path}");
    }
}
