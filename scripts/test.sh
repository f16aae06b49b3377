#!/usr/bin/env bash
# Runs every test of the workspace against a private PostgreSQL and real brokers. Arguments go to `cargo test`.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh brokers

# Compiling takes both cores; the brokers start afterwards, so that none of them times out meanwhile.
cargo test --workspace --locked --no-run "$@"
scripts/with-test-brokers.sh -- scripts/with-test-database.sh cargo test --workspace --locked --no-fail-fast "$@"

# Arguments choose tests; whoever chooses none wants everything.
if [ $# -eq 0 ]; then
  cargo build --quiet --locked -p callbacks-cli
  timeout 240 scripts/third_party_verification.py "${CARGO_TARGET_DIR:-target}/debug/callbacks" 1000 --unless-unreachable
fi
