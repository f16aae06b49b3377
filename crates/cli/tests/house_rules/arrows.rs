//! Imports between crates, as `cargo metadata` sees them. Imports of tests are free: they may use what they test with.

use std::{env, fs, process::Command};

use serde_json::Value;

use crate::{expect_none, root};

/// (crate, own crates it may import, foreign crates it must not import). The walls around foreign crates in the whole
/// graph are in deny.toml.
const ARROWS: [(&str, &[&str], &[&str]); 10] = [
    ("interfaces", &[], &["tokio", "sqlx", "axum", "reqwest", "hyper", "clap"]),
    ("models", &["interfaces"], &["axum", "reqwest", "hyper", "clap"]),
    (
        "core",
        &["interfaces", "models"],
        &["axum", "reqwest", "hyper", "hyper-util", "sqlx", "clap", "config"],
    ),
    ("egress", &["interfaces", "core"], &["axum", "sqlx", "clap", "config"]),
    ("ingress", &["interfaces", "core"], &["axum", "reqwest", "sqlx", "clap", "config"]),
    ("web", &["interfaces", "core"], &["sqlx", "reqwest", "clap", "config"]),
    ("sdk", &["interfaces"], &["tokio", "sqlx", "axum", "clap"]),
    ("testkit", &["interfaces", "models", "core"], &["axum", "reqwest", "clap"]),
    ("cli", &["interfaces", "models", "core", "egress", "ingress", "web", "sdk"], &[]),
    ("bench", &["interfaces", "models", "core", "egress", "web", "sdk", "testkit"], &[]),
];

#[test]
fn imports_follow_the_arrows() {
    let mut offences = Vec::new();
    for package in packages() {
        let name = short(&package["name"]);
        let Some((_, own, never)) = ARROWS.iter().find(|(crate_name, ..)| *crate_name == name) else {
            offences.push(format!("{name} has no row in the arrow table"));
            continue;
        };
        for dependency in imports(&package) {
            let allowed = match dependency.strip_prefix("callbacks-") {
                Some(sibling) => own.contains(&sibling),
                None => !never.contains(&dependency.as_str()),
            };
            if !allowed {
                offences.push(format!("{name} imports {dependency}"));
            }
        }
    }
    expect_none("imports against the arrows", &offences);
}

#[test]
fn every_crate_has_the_workspace_lints() {
    let offences: Vec<String> = packages()
        .iter()
        .filter(|package| {
            let manifest = package["manifest_path"].as_str().expect("a path");
            let text = fs::read_to_string(manifest).expect("readable");
            !text.contains("[lints]\nworkspace = true")
        })
        .map(|package| short(&package["name"]))
        .collect();
    expect_none("crates without `[lints] workspace = true`", &offences);
}

fn packages() -> Vec<Value> {
    let cargo = env::var_os("CARGO").expect("cargo runs the tests");
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root())
        .output()
        .expect("cargo metadata runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    metadata["packages"].as_array().expect("packages").clone()
}

fn imports(package: &Value) -> Vec<String> {
    let dependencies = package["dependencies"].as_array().expect("dependencies");
    dependencies
        .iter()
        .filter(|dependency| dependency["kind"] != "dev")
        .map(|dependency| dependency["name"].as_str().expect("a name").to_owned())
        .collect()
}

fn short(name: &Value) -> String {
    let name = name.as_str().expect("a name");
    name.strip_prefix("callbacks-").unwrap_or(name).to_owned()
}
