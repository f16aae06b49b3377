#!/usr/bin/env bash
# Has schemathesis (PyPI) derive requests from the service's own OpenAPI document, good ones and bad ones, send them to the
# running service as two tenants and as the operator, and compare every answer with the document: no 5xx, no status,
# content type or body that it does not promise.
#
# usage: [SECONDS_EACH=30] scripts/schemathesis.sh [REQUESTS]     at least so many, 5,000 unless told
#
# Takes three times SECONDS_EACH, or up to nine times where that is not enough. Needs the network once, for PyPI.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ -z "${DATABASE_URL:-}" ]; then
  exec scripts/with-test-database.sh "$0" "$@"
fi

version=4.32.5
wanted=${1:-5000}
seconds=${SECONDS_EACH:-30}
home=$PWD/target/schemathesis
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")

if [ ! -x "$home/venv/bin/schemathesis" ]; then
  python3 -m venv "$home/venv"
  "$home/venv/bin/pip" install --quiet --disable-pip-version-check "schemathesis==$version" ||
    { rm -rf "$home/venv"; echo "schemathesis $version cannot be installed: PyPI must be reachable once" >&2; exit 1; }
fi
cargo build --quiet --locked -p callbacks-cli

work=$(mktemp -d /tmp/callbacks-schemathesis.XXXXXX)
service=
finish() {
  status=$?
  [ -z "$service" ] || { kill "$service" 2>/dev/null && wait "$service" 2>/dev/null; } || true
  [ "$status" -eq 0 ] || tail -n 20 "$work/service.log" >&2 || true
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

export CALLBACKS_DATABASE__URL=$DATABASE_URL
export CALLBACKS_DATABASE__EMBEDDED_DIR=$work
export CALLBACKS_SECURITY__AUTHENTICATION=api-keys
export CALLBACKS_SECURITY__REQUESTS_PER_SECOND_PER_KEY=0
export CALLBACKS_SERVER__PORT=$((20000 + RANDOM % 12000))
export CALLBACKS_LOG__LEVEL=warn
callbacks=$target/debug/callbacks
"$callbacks" migrate >"$work/service.log" 2>&1
operator=$("$callbacks" keys create --role operator --name schemathesis)
one=$("$callbacks" keys create --role tenant-admin --tenant tenant-a --name schemathesis)
two=$("$callbacks" keys create --role tenant-admin --tenant tenant-b --name schemathesis)
"$callbacks" serve >>"$work/service.log" 2>&1 &
service=$!
base=http://127.0.0.1:$CALLBACKS_SERVER__PORT
for _ in $(seq 100); do
  python3 - "$base" <<'PYTHON' && break
import sys, urllib.request
urllib.request.urlopen(sys.argv[1] + "/actuator/health/readiness", timeout=1)
PYTHON
  sleep 0.2
done 2>/dev/null

# What a schema cannot say is not asked for: a request may fit its schema and still name another tenant or a host that does
# not exist. Nor may every request that does not fit be expected to fail: HTTP itself takes the spaces around a header away
# that its pattern forbids.
ask() { # NAME KEY SEED [TENANT]
  local name=$1 key=$2
  echo "schemathesis: as $name"
  # In a folder of its own: it leaves files behind.
  (cd "$work" && SCHEMATHESIS_TENANT=${4:-} SCHEMATHESIS_HOOKS=schemathesis_hooks PYTHONPATH=$OLDPWD/scripts \
    PYTHONDONTWRITEBYTECODE=1 "$home/venv/bin/schemathesis" run "$base/v3/api-docs" --header "Authorization: Bearer $key" --checks all \
    --exclude-checks positive_data_acceptance,negative_data_rejection --max-time "$seconds" --seed "$3" --request-timeout 30 \
    --continue-on-failure --generation-database none --report json --report-json-path "$work/$name.json" --no-color \
    >"$work/$name.log" 2>&1) || { cat "$work/$name.log" >&2; return 1; }
}

requests_sent() {
  python3 - "$work"/*.json <<'PYTHON'
import json
import sys

print(sum(json.load(open(path))["test_cases"]["generated"] for path in sys.argv[1:]))
PYTHON
}

# A slow machine sends less in its time; it gets a second and a third round.
for seed in 1 2 3; do
  ask "tenant-a-$seed" "$one" "$seed" tenant-a
  ask "tenant-b-$seed" "$two" "$seed" tenant-b
  ask "operator-$seed" "$operator" "$seed"
  sent=$(requests_sent)
  [ "$sent" -lt "$wanted" ] || break
done
if [ "$sent" -lt "$wanted" ]; then
  echo "schemathesis: only $sent of $wanted requests were sent; all were answered as documented. Set SECONDS_EACH" >&2
  exit 1
fi
echo "schemathesis: $sent requests, each answered as documented"
