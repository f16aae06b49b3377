#!/usr/bin/env bash
# Runs a command with real brokers that live exactly as long as the command; CALLBACKS_TEST_KAFKA and its like name them.
#
# usage: with-test-brokers.sh [kafka|rabbitmq|nats|redis]… -- COMMAND [ARGUMENT...]      all four by default
set -euo pipefail
scripts=$(cd "$(dirname "$0")" && pwd)

names=()
while [ "${1:?needs -- and a command}" != -- ]; do names+=("$1"); shift; done
shift

brokers=$(mktemp -d /tmp/callbacks-test-brokers.XXXXXX)
finish() {
  "$scripts/brokers/stop.sh" "$brokers" >/dev/null || true
  rm -rf "$brokers"
}
trap finish EXIT
trap 'exit 130' INT TERM

"$scripts/brokers/start.sh" "$brokers" ${names[@]+"${names[@]}"} >&2
# shellcheck source=/dev/null
. "$brokers/env"
"$@"
