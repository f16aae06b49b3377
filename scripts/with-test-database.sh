#!/usr/bin/env bash
# Runs a command with DATABASE_URL naming a PostgreSQL that lives exactly as long as the command.
#
# usage: with-test-database.sh COMMAND [ARGUMENT...]
#
# Nothing is synced to disk: good for tests, useless for measurements.
set -euo pipefail

newest_initdb() {
  local installed
  installed=$(compgen -G '/usr/lib/postgresql/*/bin/initdb' | sort -V | tail -n 1 || true)
  printf '%s' "${installed:-$(command -v initdb || true)}"
}
initdb=$(newest_initdb)
[ -n "$initdb" ] || { echo "PostgreSQL is missing: run scripts/setup.sh" >&2; exit 1; }
programs=$(dirname "$(readlink -f "$initdb")")

# PostgreSQL refuses to run as root. setpriv becomes the program it starts, so that its process id is the server's.
run_as=()
[ "$(id -u)" -ne 0 ] || run_as=(setpriv --reuid=postgres --regid=postgres --init-groups)

folder=$(mktemp -d /tmp/callbacks-test-pg.XXXXXX)
server=
finish() {
  if [ -n "$server" ]; then
    kill -INT "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
  fi
  rm -rf "$folder"
}
trap finish EXIT
trap 'exit 130' INT TERM

mkdir "$folder/data"
[ "$(id -u)" -ne 0 ] || chown -R postgres: "$folder"
cd_into() { cd "$folder" && exec "$@"; }
(cd_into "${run_as[@]}" "$programs/initdb" --username=postgres --auth=trust --encoding=UTF8 --locale=C.UTF-8 \
  --no-sync --no-instructions -D "$folder/data" >"$folder/initdb.log" 2>&1) || { cat "$folder/initdb.log" >&2; exit 1; }

is_ready() { [ "$(sed -n 8p "$folder/data/postmaster.pid" 2>/dev/null | tr -d ' ')" = ready ]; }
# A port that looks free may be taken a moment later: what counts is whether the server got it.
for _ in 1 2 3 4 5 6 7 8 9 10; do
  port=$((20000 + RANDOM % 12000))
  (cd_into "${run_as[@]}" "$programs/postgres" -D "$folder/data" -p "$port" -c listen_addresses=127.0.0.1 \
    -c unix_socket_directories="$folder" -c max_connections=300 -c log_min_messages=fatal -c jit=off \
    -c fsync=off -c full_page_writes=off) >"$folder/server.log" 2>&1 &
  server=$!
  while kill -0 "$server" 2>/dev/null && ! is_ready; do sleep 0.05; done
  is_ready && break
  server=
done
[ -n "$server" ] || { cat "$folder/server.log" >&2; exit 1; }

export DATABASE_URL="postgres://postgres@127.0.0.1:$port/postgres"
"$@"
