//! What a receiver does with a callback of the running service: it verifies it with the SDK, and refuses what is nearly
//! right.

use std::time::Duration;

use callbacks_sdk::scheme::SignatureScheme;
use callbacks_sdk::verify::{VerifyError, verify};
use callbacks_testkit::hostile_corpus::{Section, entries};
use serde_json::json;

use crate::support::api::SECRET;
use crate::support::arrival::{at, header};
use crate::support::patience::eventually_true;
use crate::support::scene::{EVENT_TYPE, PATH, Scene};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signature_is_right_as_a_whole_or_refused() {
    let scene = Scene::with_replicas(1, &[]).await;
    let api = scene.replicas[0].api();
    for (scheme, path) in [("FIREFLY", "/base64"), ("SVC_INFRA", "/hex")] {
        api.configure(&scene.receiver.url(path), EVENT_TYPE, json!({"signatureSchemes": [scheme]})).await;
    }
    scene.await_matches(&scene.replicas[0], EVENT_TYPE, 2).await;
    for (scheme, path) in [(SignatureScheme::Firefly, "/base64"), (SignatureScheme::SvcInfra, "/hex")] {
        let arrived = async || !at(&scene.receiver, path).is_empty();
        eventually_true(Duration::from_secs(15), "the callback arrives", arrived).await;
        let request = at(&scene.receiver, path).remove(0);
        let signature =
            header(&request, &scheme.default_header().to_lowercase()).expect("is signed").to_owned();
        let judged = |signature: &str| verify(scheme, &["another", SECRET], &request.body, signature);
        assert_eq!(judged(&signature), Ok(()), "{scheme}");
        for cut in 0..signature.len() {
            let altered = format!("{}{}{}", &signature[..cut], other(&signature, cut), &signature[cut + 1..]);
            for wrong in [&signature[..cut], &altered] {
                assert!(judged(wrong).is_err(), "{scheme}: {wrong} for {signature}");
            }
        }
        assert_eq!(verify(scheme, &["another"], &request.body, &signature), Err(VerifyError::Mismatch));
    }
    assert!(at(&scene.receiver, PATH).is_empty());
    let mut section = Section::new("signature", file!());
    let entry = entries("signature").into_iter().find(|entry| entry.id == "SG-011").expect("is listed");
    let result = "the service has no such endpoint; the SDK verifies what it sends, compares with subtle's ConstantTimeEq under \
                  every secret, and refuses the signature cut at each length and altered at each place";
    section.record(&entry, result);
    section.finish();
}

/// A character of the same alphabet that means something else; the last digit of base64 has bits that mean nothing.
fn other(signature: &str, at: usize) -> char {
    if signature.as_bytes()[at] == b'0' { 'f' } else { '0' }
}
