#!/bin/sh
# Checks every SQL query of crates/models against a freshly migrated database and rewrites the offline data in `.sqlx`.
#
# usage: DATABASE_URL=postgres://user@host:port/postgres scripts/prepare-queries.sh
#        DATABASE_URL=... scripts/prepare-queries.sh --check    only compares, and fails when `.sqlx` is stale
#
# The server must allow creating a database; a scratch one is made there and dropped again.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
: "${DATABASE_URL:?names a running PostgreSQL server, for instance postgres://postgres@127.0.0.1:5432/postgres}"
scratch="callbacks_prepare_$$"
fresh=$(mktemp -d)

run_sql() { psql -X -q -v ON_ERROR_STOP=1 "$@"; }
finish() {
    run_sql -d "$DATABASE_URL" -c "DROP DATABASE IF EXISTS $scratch" || true
    rm -rf "$fresh"
}
trap finish EXIT INT TERM

# Same server, other database: what stands between the last slash and the parameters.
scratch_url=$(printf '%s' "$DATABASE_URL" | sed -E "s#^([a-z]+://[^/?]*)(/[^?]*)?#\\1/$scratch#")

run_sql -d "$DATABASE_URL" -c "CREATE DATABASE $scratch"
for file in "$root"/migrations/[0-9]*.sql; do
    run_sql -d "$scratch_url" -f "$file" >/dev/null
done

# The macros write a file a query while they expand, and they expand only if the crate is compiled anew.
touch "$root/crates/models/src/lib.rs"
(cd "$root" && SQLX_OFFLINE=false SQLX_OFFLINE_DIR="$fresh" DATABASE_URL="$scratch_url" cargo check --quiet -p callbacks-models --all-targets)
touch "$root/crates/models/src/lib.rs"

if [ "${1:-}" = "--check" ]; then
    diff -r "$root/.sqlx" "$fresh" && echo ".sqlx is up to date"
else
    mkdir -p "$root/.sqlx"
    # New files first and stale ones last, so that a build running meanwhile finds what it needs.
    cp "$fresh"/query-*.json "$root/.sqlx/"
    for file in "$root"/.sqlx/query-*.json; do
        [ -e "$fresh/$(basename "$file")" ] || rm -f "$file"
    done
    echo "$(ls "$root/.sqlx" | wc -l) queries prepared"
fi
