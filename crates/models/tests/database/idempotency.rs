use std::time::Duration;

use callbacks_models::idempotency::{Claim, IdempotentRequest, StoredAnswer, claim, finish, release};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::fixture::Fixture;

const DAY: Duration = Duration::from_secs(24 * 3600);
const MINUTE: Duration = Duration::from_secs(60);

fn request(key: &str, body: u8) -> IdempotentRequest {
    IdempotentRequest {
        tenant: "acme".to_owned(),
        method: "POST".to_owned(),
        path: "/api/v1/events".to_owned(),
        key: key.to_owned(),
        body_hash: [body; 32],
    }
}

#[sqlx::test(migrations = "../../migrations")]
async fn an_answer_is_replayed_until_it_is_forgotten(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    let ask =
        async |request: &IdempotentRequest| claim(&db.store, request, DAY, MINUTE).await.expect("answers");
    let first = request("k", 1);
    assert_eq!(ask(&first).await, Claim::First);
    assert_eq!(ask(&first).await, Claim::Running);
    assert_eq!(ask(&request("k", 2)).await, Claim::Different);
    let answer = StoredAnswer {
        status: 202,
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: b"{\0}".to_vec(),
    };
    finish(&db.store, &first, &answer).await.expect("keeps");
    assert_eq!(ask(&first).await, Claim::Finished(answer));
    release(&db.store, &first).await.expect("a finished one stays");
    let mut foreign = first.clone();
    foreign.tenant = "other".to_owned();
    assert_eq!(ask(&foreign).await, Claim::First);
    db.run("UPDATE idempotency_keys SET created_at = now() - interval '25 hours'").await;
    assert_eq!(ask(&first).await, Claim::First);
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_key_comes_back_when_released_or_abandoned(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    let ask = async || claim(&db.store, &request("k", 1), DAY, MINUTE).await.expect("answers");
    assert_eq!(ask().await, Claim::First);
    release(&db.store, &request("k", 1)).await.expect("releases");
    assert_eq!(ask().await, Claim::First);
    db.run("UPDATE idempotency_keys SET created_at = now() - interval '2 minutes'").await;
    assert_eq!(ask().await, Claim::First);
}

#[sqlx::test(migrations = "../../migrations")]
async fn of_many_claims_at_once_one_is_first(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    let asked = request("k", 1);
    let ask = || claim(&db.store, &asked, DAY, MINUTE);
    let (one, two, three) = tokio::join!(ask(), ask(), ask());
    let all = [one, two, three].map(|claim| claim.expect("answers"));
    assert_eq!(all.iter().filter(|claim| **claim == Claim::First).count(), 1);
}
