//! Two secrets at a time, several schemes at a time.

use callbacks_interfaces::signature_choice::SignatureChoice;
use callbacks_interfaces::signature_scheme::SignatureScheme;
use callbacks_interfaces::wire_profile::WireProfile;
use time::Duration;

use crate::configured::{Configured, Event, secret};

const NEW: &str = "whsec_bmV3";
const OLD: &str = "whsec_b2xk";

fn signature(configured: &Configured, header: &str) -> String {
    let (headers, _) = configured.send(&Event::of(b"{\"a\":1}")).expect("sent");
    headers[header].to_str().expect("ASCII").to_owned()
}

fn rotated(profile: WireProfile, left: Duration) -> Configured {
    let until = Event::of(b"").at + left;
    Configured { previous: vec![(secret(OLD), until)], ..Configured::new(profile, NEW) }
}

#[test]
fn stripe_has_a_v1_for_each_secret_until_the_old_one_expires() {
    let both = signature(&rotated(WireProfile::Dealix, Duration::seconds(1)), "dealix-signature");
    let new = signature(&Configured::new(WireProfile::Dealix, NEW), "dealix-signature");
    let old = signature(&Configured::new(WireProfile::Dealix, OLD), "dealix-signature");
    let (_, old_v1) = old.split_once(',').expect("t and v1");
    assert_eq!(both, format!("{new},{old_v1}"));
    assert_eq!(signature(&rotated(WireProfile::Dealix, Duration::ZERO), "dealix-signature"), new);
}

#[test]
fn standard_webhooks_has_a_list() {
    let profile = WireProfile::StandardWebhooks;
    let both = signature(&rotated(profile, Duration::seconds(1)), "webhook-signature");
    let new = signature(&Configured::new(profile, NEW), "webhook-signature");
    let old = signature(&Configured::new(profile, OLD), "webhook-signature");
    assert_eq!(both, format!("{new} {old}"));
    assert_eq!(signature(&rotated(profile, Duration::ZERO), "webhook-signature"), new);
}

#[test]
fn other_schemes_sign_with_the_current_secret_only() {
    for (profile, header) in [
        (WireProfile::Firefly, "x-firefly-signature"),
        (WireProfile::Pyfly, "x-pyfly-signature"),
        (WireProfile::SvcInfra, "x-signature"),
        (WireProfile::Servo, "x-servo-signature"),
    ] {
        let during = signature(&rotated(profile, Duration::seconds(1)), header);
        assert_eq!(during, signature(&Configured::new(profile, NEW), header), "{profile}");
    }
}

#[test]
fn every_scheme_at_once() {
    let all = [
        SignatureScheme::Firefly,
        SignatureScheme::Pyfly,
        SignatureScheme::SvcInfra,
        SignatureScheme::Stripe,
        SignatureScheme::ServoSha1,
        SignatureScheme::StandardWebhooks,
        SignatureScheme::StandardWebhooksEd25519,
        SignatureScheme::None,
    ];
    let own_key = Some(secret("whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbc="));
    let configured = Configured { own_key, ..Configured::new(WireProfile::Custom, NEW) }.signing(&all);
    let (headers, body) = configured.send(&Event::of(b"{\"b\": 1, \"a\": 2}")).expect("sent");
    assert_eq!(body, "{\"a\":2,\"b\":1}");
    for header in
        ["x-firefly-signature", "x-pyfly-signature", "x-signature", "stripe-signature", "x-servo-signature"]
    {
        assert!(headers.contains_key(header), "{header}");
    }
    let list = headers["webhook-signature"].to_str().expect("ASCII");
    let versions: Vec<&str> = list.split(' ').map(|one| one.split_once(',').expect("version").0).collect();
    assert_eq!(versions, ["v1", "v1a"]);
}

#[test]
fn headers_can_be_renamed() {
    let configured = Configured {
        schemes: Some(vec![
            SignatureChoice::Renamed {
                scheme: SignatureScheme::StandardWebhooks,
                header: "svix-signature".to_owned(),
            },
            SignatureChoice::Usual(SignatureScheme::Pyfly),
        ]),
        ..Configured::new(WireProfile::Custom, NEW)
    };
    let (headers, _) = configured.send(&Event::of(b"{}")).expect("sent");
    for header in ["svix-id", "svix-timestamp", "svix-signature", "x-pyfly-signature"] {
        assert!(headers.contains_key(header), "{header}");
    }
    assert!(!headers.contains_key("webhook-id"));
    let first = Configured { header: Some("X-Mine"), ..Configured::new(WireProfile::Pyfly, NEW) };
    assert!(signature(&first, "x-mine").starts_with("sha256="));
}
