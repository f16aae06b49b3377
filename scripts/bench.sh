#!/usr/bin/env bash
# Builds the service and the benchmark and runs it, with a Kafka broker of its own. Arguments go to `callbacks-bench run`.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh brokers
cargo build --release --locked -p callbacks-cli -p callbacks-bench
cargo run --release --quiet --locked -p callbacks-core --example signing_cost

measure() {
  local kafka=()
  if [ "$CALLBACKS_TEST_KAFKA" != unavailable ]; then kafka=(--kafka "$CALLBACKS_TEST_KAFKA"); fi
  "${CARGO_TARGET_DIR:-target}/release/callbacks-bench" run ${kafka[@]+"${kafka[@]}"} "$@"
}
export -f measure
scripts/with-test-brokers.sh kafka -- bash -euo pipefail -c 'measure "$@"' measure "$@"
