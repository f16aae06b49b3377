#!/usr/bin/env bash
# Format, lints, and what may be in the dependency graph.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo fmt --all --check
cargo clippy --workspace --all-targets --locked -- -D warnings
# The fuzz targets are a workspace of their own; this fails when their lock file lags behind the crates they fuzz.
cargo metadata --locked --format-version 1 --manifest-path fuzz/Cargo.toml >/dev/null
command -v cargo-deny >/dev/null || cargo install --locked cargo-deny
cargo deny --log-level error check bans licenses sources

# The database of advisories is on the internet; where it cannot be reached the floors in deny.toml still hold.
if timeout 20 git ls-remote --exit-code https://github.com/RustSec/advisory-db HEAD >/dev/null 2>&1; then
  cargo deny --log-level error check advisories
else
  echo "lint: advisories were NOT checked, github.com/RustSec/advisory-db cannot be reached" >&2
fi
