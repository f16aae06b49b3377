#!/usr/bin/env bash
# Format, lints, and what may be in the dependency graph.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo fmt --all --check
cargo clippy --workspace --all-targets --locked -- -D warnings
command -v cargo-deny >/dev/null || cargo install --locked cargo-deny
cargo deny --log-level error check bans licenses sources
