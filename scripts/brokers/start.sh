#!/usr/bin/env bash
# Starts the real brokers the tests of crates/ingress run against, each on free loopback ports and, when the caller is
# root, under another account. DIR gets their data, logs and pids, and DIR/env the variables the tests read.
#
# usage: scripts/brokers/start.sh DIR [kafka|rabbitmq|nats|redis]…      all four by default
#        . DIR/env; cargo test -p callbacks-ingress; scripts/brokers/stop.sh DIR
set -eu
here=$(cd "$(dirname "$0")" && pwd)
dir=${1:?names the folder for data, logs, pids and env}
shift
[ $# -gt 0 ] || set -- kafka rabbitmq nats redis
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)

# At once: the two slow ones take as long together as alone.
started=""
for broker in "$@"; do
    "$here/$broker.sh" start "$dir" >"$dir/$broker.env" &
    started="$started $broker:$!"
done
failed=""
for pair in $started; do
    wait "${pair#*:}" || failed="$failed ${pair%:*}"
done
{
    echo "export CALLBACKS_TEST_BROKERS_DIR=$dir"
    echo "export CALLBACKS_TEST_BROKERS_SCRIPTS=$here"
    for broker in kafka rabbitmq nats redis; do cat "$dir/$broker.env" 2>/dev/null || true; done
} >"$dir/env"
[ -z "$failed" ] || {
    echo "brokers: could not start:$failed" >&2
    exit 1
}
cat "$dir/env"
