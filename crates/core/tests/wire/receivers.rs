//! The receivers of docs/receivers verify what we send, each where its runtime is on the machine, and refuse what was
//! altered on the way.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use callbacks_interfaces::signature_scheme::SignatureScheme;
use callbacks_interfaces::wire_profile::WireProfile;

use crate::configured::{Configured, Event};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const PRIVATE: &str = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbc=";
const PAYLOAD: &str = "{\"b\":1e-7,\"a\":\"Jos\u{e9} \u{1f600}\",\"big\":12345678901234567890,\"a\":-0}";

/// Test lines: scheme, secret, signature, id, timestamp, now, body; every second one altered.
fn lines(with_ed25519: bool) -> (String, String) {
    let (mut lines, mut expected) = (String::new(), String::new());
    for (name, scheme) in SignatureScheme::ALL {
        let asymmetric = *scheme == SignatureScheme::StandardWebhooksEd25519;
        if *scheme == SignatureScheme::None || (asymmetric && !with_ed25519) {
            continue;
        }
        let configured = Configured::new(WireProfile::Custom, if asymmetric { PRIVATE } else { SECRET })
            .signing(&[*scheme]);
        let secret = if asymmetric {
            format!("whpk_{}", STANDARD.encode(configured.prepare().expect("prepared").public_keys()[0]))
        } else {
            SECRET.to_owned()
        };
        let (headers, body) = configured.send(&Event::of(PAYLOAD.as_bytes())).expect("sent");
        let header = |name: &str| headers.get(name).map_or("", |value| value.to_str().expect("ASCII"));
        let signature = header(&scheme.default_header().to_ascii_lowercase());
        let (id, timestamp) = (header("webhook-id"), header("webhook-timestamp"));
        let altered = [&body[..], b" "].concat();
        for (sent, verdict) in [(&body[..], "ok"), (&altered, "refused")] {
            let body = STANDARD.encode(sent);
            lines
                .push_str(&format!("{name}\t{secret}\t{signature}\t{id}\t{timestamp}\t1761991300\t{body}\n"));
            expected.push_str(&format!("{verdict}\n"));
        }
    }
    (lines, expected)
}

/// Feeds the lines to a receiver; `false` when its runtime is missing.
fn check(program: &str, arguments: &[&str], file: &str, with_ed25519: bool) -> bool {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/receivers").join(file);
    let (input, expected) = lines(with_ed25519);
    let child = Command::new(program)
        .args(arguments)
        .arg(path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn();
    let Ok(mut child) = child else { return false };
    child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected, "{file}");
    true
}

#[test]
fn python() {
    check("python3", &[], "verify.py", false);
}

#[test]
fn node() {
    check("node", &[], "verify.mjs", true);
}

#[test]
fn go() {
    check("go", &["run"], "verify.go", true);
}

#[test]
fn java() {
    check("java", &[], "Verify.java", false);
}
