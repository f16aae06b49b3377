//! Commands that need no service.

use std::path::PathBuf;

use crate::support::Program;

fn scratch(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(uuid::Uuid::new_v4().simple().to_string());
    std::fs::create_dir_all(&folder).expect("a folder can be made");
    folder.join(name)
}

#[test]
fn a_captured_callback_is_verified() {
    let body = scratch("body.json");
    std::fs::write(&body, "{\"id\":1,\"amount\":99}").expect("a file can be written");
    let path = body.to_str().expect("UTF-8");
    let header = "X-Firefly-Signature: Fu4qYLQcDs7EGngTGCt/Wxr4e+mnQW7ZRmLQKuvMDK4=";
    let verify = ["verify", "--header", header, "--body", path];
    let verified = Program::run(&verify).with("CALLBACK_SECRET", "topsecret").output();
    assert!(verified.starts_with("verified"), "{verified}");
    for secret in [["--secret", "other"], ["--secret", "topsecre"]] {
        let refused = Program::run(&[verify.as_slice(), secret.as_slice()].concat()).ended();
        assert_eq!(refused.code, Some(1), "{}", refused.errors);
        assert!(!refused.errors.contains("Fu4q"), "{}", refused.errors);
    }
    let either =
        Program::run(&[verify.as_slice(), &["--secret", "other", "--secret", "topsecret"]].concat()).ended();
    assert_eq!(either.code, Some(0), "{}", either.errors);
    assert_eq!(Program::run(&["verify", "--body", path]).ended().code, Some(2));
}

#[test]
fn a_starter_file_is_written_once() {
    let file = scratch("callbacks.yaml");
    let path = file.to_str().expect("UTF-8");
    assert!(Program::run(&["generate"]).output().contains("configurations:"));
    Program::run(&["generate", "--defaults", "-o", path]).output();
    assert_eq!(Program::run(&["generate", "-o", path]).ended().code, Some(1));
    Program::run(&["generate", "-o", path, "--force"]).output();
    assert_eq!(std::fs::read_to_string(file).expect("readable"), Program::run(&["generate"]).output());
}

#[test]
fn every_shell_has_completions() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(Program::run(&["completions", shell]).output().contains("apply"), "{shell}");
    }
}

#[test]
fn mistakes_are_told_apart_by_the_exit_code() {
    for arguments in [&["nonsense"][..], &["apply"], &["replay"], &["trigger"], &["configurations"]] {
        assert_eq!(Program::run(arguments).ended().code, Some(2), "{arguments:?}");
    }
    // Nothing listens on the discard port.
    let unreachable = Program::run(&["configurations", "list", "--url", "http://127.0.0.1:9"]).ended();
    assert_eq!(unreachable.code, Some(1));
    assert!(unreachable.errors.contains("cannot be reached"), "{}", unreachable.errors);
    let broken =
        Program::run(&["apply", "-f", "-"]).reading("configurations: [{name: a, url: 'ftp://a'}]").ended();
    assert_eq!(broken.code, Some(1));
    assert!(broken.errors.contains("configurations[0].url"), "{}", broken.errors);
}

#[test]
fn servos_events_have_a_schema_without_a_service() {
    let output = Program::run(&["schema", "after:measure", "--url", "http://127.0.0.1:9"]).output();
    assert!(
        output.contains("application/vnd.opsani.servo-webhooks+json") && output.contains("created_at"),
        "{output}"
    );
}
