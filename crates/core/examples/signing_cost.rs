//! What it costs to put one delivery of 500 bytes on the wire, by profile, and to sign it by scheme.
//!
//! `cargo run --release -p callbacks-core --example signing_cost [-- --check]`: with `--check` it fails when a profile
//! costs more than 3 µs above FIREFLY, or canonical JSON more than 10 µs. The median of many rounds is shown, because
//! other load on the machine only ever makes a round slower.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Instant;

use bytes::Bytes;
use callbacks_core::wire::canonical_json::canonical;
use callbacks_core::wire::profile::{DeliveryFacts, PreparedWire, SigningFacts, SigningKeys, WireFacts};
use callbacks_interfaces::delivery_phase::DeliveryPhase;
use callbacks_interfaces::ids::{ConfigurationId, DeliveryId, EventRowId};
use callbacks_interfaces::named_enum::NamedEnum as _;
use callbacks_interfaces::secret::SecretText;
use callbacks_interfaces::signature_choice::SignatureChoice;
use callbacks_interfaces::signature_scheme::SignatureScheme;
use callbacks_interfaces::wire_profile::WireProfile;
use time::macros::datetime;

const ROUNDS: usize = 400;
const CALLS_A_ROUND: u32 = 200;
/// Most microseconds a profile may cost above FIREFLY.
const ABOVE_FIREFLY: f64 = 3.0;
/// Most microseconds canonical JSON of 500 bytes may cost.
const CANONICAL: f64 = 10.0;

fn main() -> std::io::Result<ExitCode> {
    let payload = payload();
    let mut out = std::io::stdout().lock();
    writeln!(out, "payload: {} bytes, median of {ROUNDS} rounds", payload.len())?;
    let firefly = profile_cost(WireProfile::Firefly, None, &payload);
    let mut within = true;
    for (name, profile) in WireProfile::ALL {
        let cost = profile_cost(*profile, None, &payload);
        within &= cost <= firefly + ABOVE_FIREFLY;
        writeln!(out, "{:<32}{cost:>8.2} µs  {:>+6.2}", format!("profile {name}"), cost - firefly)?;
    }
    for (name, scheme) in SignatureScheme::ALL {
        let cost = profile_cost(WireProfile::Custom, Some(*scheme), &payload);
        writeln!(out, "{:<32}{cost:>8.2} µs", format!("CUSTOM by {name}"))?;
    }
    let text = String::from_utf8_lossy(&payload).into_owned();
    let canonical = microseconds(|| drop(black_box(canonical(black_box(&text)))));
    within &= canonical <= CANONICAL;
    writeln!(out, "{:<32}{canonical:>8.2} µs", "canonical JSON")?;
    let checking = std::env::args().any(|argument| argument == "--check");
    Ok(if checking && !within { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// An order as producers send them: nested, with numbers, escapes and text outside ASCII.
fn payload() -> Bytes {
    let line = r#"{"sku":"A-1042","quantity":2,"price":19.99,"tags":["new","sale"],"note":null}"#;
    let mut text = format!(
        r#"{{"orderId":"0f8fad5b-d9cb-469f-a165-70867728950e","customer":{{"name":"José Ñandú","vip":true,"balance":-12.5}},"total":1234567.5,"currency":"EUR","lines":[{line},{line},{line}],"placedAt":"2025-11-01T10:00:00Z","path":"C:\\orders","z":"#
    );
    text.push('"');
    text.extend(std::iter::repeat_n('x', 500_usize.saturating_sub(text.len() + 2)));
    text.push_str("\"}");
    Bytes::from(text)
}

fn profile_cost(profile: WireProfile, scheme: Option<SignatureScheme>, payload: &Bytes) -> f64 {
    let secret = |text: &str| SecretText::try_from(text.to_owned()).ok();
    let symmetric = secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    let private = secret("whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbc=");
    let schemes = scheme.map(|scheme| vec![SignatureChoice::Usual(scheme)]);
    let keys =
        SigningKeys { secret: symmetric.as_ref(), ed25519: private.as_ref(), ..SigningKeys::default() };
    let signing =
        SigningFacts { schemes: schemes.as_deref(), keys, ..SigningFacts::usual(symmetric.as_ref()) };
    let custom_headers = BTreeMap::new();
    let facts =
        WireFacts { profile, signing, body_format: None, envelope: None, custom_headers: &custom_headers };
    let Ok(wire) = PreparedWire::prepare(&facts) else { return f64::NAN };
    let delivery = DeliveryFacts {
        event_id: "0f8fad5b-d9cb-469f-a165-70867728950e",
        event_type: "order.created",
        tenant: "acme",
        source: "shop",
        occurred_at: datetime!(2025-11-01 10:00:00 UTC),
        content_type: None,
        event_headers: None,
        delivery_id: DeliveryId { event: EventRowId::now_v7(), configuration: ConfigurationId::now_v7() },
        phase: DeliveryPhase::After,
        attempt: 1,
        at: datetime!(2025-11-01 10:00:00.25 UTC),
        payload,
    };
    microseconds(|| drop(black_box(wire.build(black_box(&delivery)))))
}

fn microseconds(call: impl Fn()) -> f64 {
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            (0..CALLS_A_ROUND).for_each(|_| call());
            start.elapsed().as_secs_f64() * 1e6 / f64::from(CALLS_A_ROUND)
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    rounds[ROUNDS / 2]
}
