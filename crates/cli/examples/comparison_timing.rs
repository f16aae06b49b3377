//! Whether the time of a comparison tells where a key or a signature is wrong: Welch's t-test, as dudect does it.
//!
//! `cargo run --release -p callbacks-cli --example comparison_timing [-- SAMPLES]`: two classes of wrong input, one wrong
//! in its first byte, one in its last, in random order. |t| below 4.5 means that no difference was found. The last line
//! compares as nobody should, and shows that one would have been. Wants a quiet machine; proves nothing on another.

use std::hint::black_box;
use std::io::{self, Write};
use std::time::Instant;

use callbacks_core::access::api_key::{IssuedKey, PresentedKey, SecretHash};
use callbacks_sdk::scheme::SignatureScheme;
use callbacks_sdk::verify::verify;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// Samples of both classes together.
const SAMPLES: usize = 1_000_000;
/// What is kept of the samples, in percent, the fastest first: what is slower was interrupted.
const KEPT: [usize; 4] = [100, 99, 95, 80];
/// Comparisons a sample: one alone takes less time than the clock can tell.
const CALLS: usize = 50;
const SECRET: &str = "timing-secret-of-thirty-two-bytes";
const BODY: &[u8] = br#"{"orderId":"0f8fad5b-d9cb-469f-a165-70867728950e"}"#;

fn main() -> io::Result<()> {
    let samples = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(SAMPLES);
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{samples} samples each; |t| of the fastest 100, 99, 95 and 80 %; 4.5 or more is a difference"
    )?;
    let Some(key) = IssuedKey::generate() else { return Ok(()) };
    let Some(presented) = PresentedKey::parse(key.text.expose()) else { return Ok(()) };
    let hashes = wrong(&key.secret_hash);
    let times = measure(samples, &hashes, |stored| {
        for _ in 0..CALLS {
            black_box(presented.matches(black_box(stored)));
        }
    });
    show(&mut out, "API key", times)?;
    let signatures =
        wrong(&right_signature()).map(|octets| octets.map(|octet| format!("{octet:02x}")).concat());
    let times = measure(samples, &signatures, |header| {
        let _ = black_box(verify(SignatureScheme::SvcInfra, &[SECRET], BODY, black_box(header)));
    });
    show(&mut out, "signature", times)?;
    let times = measure(samples, &hashes, |stored| {
        for _ in 0..CALLS {
            black_box(is_equal_byte_by_byte(&key.secret_hash, black_box(stored)));
        }
    });
    show(&mut out, "byte by byte, as nobody should", times)
}

fn right_signature() -> SecretHash {
    let mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).map(|mac| mac.chain_update(BODY));
    mac.map(|mac| mac.finalize().into_bytes().into()).unwrap_or_default()
}

/// Almost the right octets: the first is wrong, or the last.
fn wrong(right: &SecretHash) -> [SecretHash; 2] {
    [0, right.len() - 1].map(|at| {
        let mut octets = *right;
        octets[at] ^= 1;
        octets
    })
}

fn is_equal_byte_by_byte(one: &SecretHash, other: &SecretHash) -> bool {
    one.iter().zip(other).all(|(one, other)| black_box(one) == other)
}

/// Nanoseconds of each call with an input of the first or the second class.
fn measure<T: Clone>(samples: usize, classes: &[T; 2], call: impl Fn(&T)) -> Vec<(f64, bool)> {
    let mut input = classes[0].clone();
    let mut sample = |second: bool| {
        // Both classes are read from the same place.
        input.clone_from(&classes[usize::from(second)]);
        let start = Instant::now();
        call(&input);
        (start.elapsed().as_nanos() as f64, second)
    };
    for _ in 0..samples / 100 {
        sample(false);
    }
    (0..samples).map(|_| sample(rand::random())).collect()
}

fn show(out: &mut impl Write, name: &str, mut times: Vec<(f64, bool)>) -> io::Result<()> {
    times.sort_by(|one, other| one.0.total_cmp(&other.0));
    let values = KEPT.map(|percent| format!("{:>8.2}", t_value(&times[..times.len() * percent / 100]).abs()));
    writeln!(out, "{name:<32}{}   median {:.0} ns", values.concat(), times[times.len() / 2].0)
}

/// Welch's t of the two classes' means.
fn t_value(times: &[(f64, bool)]) -> f64 {
    let [first, second] = [false, true].map(|class| {
        let of_class = times.iter().filter(|(_, second)| *second == class).map(|(time, _)| *time);
        let count = of_class.clone().count() as f64;
        let mean = of_class.clone().sum::<f64>() / count;
        let variance = of_class.map(|time| (time - mean).powi(2)).sum::<f64>() / (count - 1.0);
        (mean, variance / count)
    });
    (first.0 - second.0) / (first.1 + second.1).sqrt()
}
