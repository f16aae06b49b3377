#!/usr/bin/env bash
# Runs every test of the workspace against a private PostgreSQL and real brokers. Arguments go to `cargo test`.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh brokers

brokers=$(mktemp -d /tmp/callbacks-test-brokers.XXXXXX)
finish() {
  scripts/brokers/stop.sh "$brokers" >/dev/null || true
  rm -rf "$brokers"
}
trap finish EXIT
trap 'exit 130' INT TERM

# Compiling takes both cores; the brokers start afterwards, so that none of them times out meanwhile.
cargo test --workspace --locked --no-run "$@"
scripts/brokers/start.sh "$brokers" >&2
# shellcheck source=/dev/null
. "$brokers/env"
scripts/with-test-database.sh cargo test --workspace --locked --no-fail-fast "$@"

# Arguments choose tests; whoever chooses none wants everything.
if [ $# -eq 0 ]; then
  cargo build --quiet --locked -p callbacks-cli
  timeout 240 scripts/third_party_verification.py "${CARGO_TARGET_DIR:-target}/debug/callbacks" 1000 --unless-unreachable
fi
