#!/usr/bin/env bash
# Runs every test of the workspace against a private PostgreSQL. Arguments go to `cargo test`.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh
exec scripts/with-test-database.sh cargo test --workspace --locked "$@"
