#!/usr/bin/env bash
# Lets libFuzzer work on each fuzz target for a while, on a stable compiler: the coverage counters come from LLVM's own
# pass. Fails when a target breaks, and names the input.
#
# usage: [SECONDS_EACH=20] scripts/fuzz.sh [TARGET...]
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${SECONDS_EACH:-20}
home=$PWD/target/fuzz
host=$(rustc -vV | sed -n 's/^host: //p')
if [ "$#" -gt 0 ]; then targets=("$@"); else
  mapfile -t targets < <(basename -s .rs fuzz/fuzz_targets/*.rs)
fi

# With --target these reach what is fuzzed, not the build scripts.
counters="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4"
counters+=" -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table"
counters+=" -Cllvm-args=-sanitizer-coverage-trace-compares"
RUSTFLAGS="--cfg fuzzing $counters" cargo build --quiet --release --manifest-path fuzz/Cargo.toml \
  --target "$host" --target-dir "$home/build" $(printf -- '--bin %s ' "${targets[@]}")

for target in "${targets[@]}"; do
  mkdir -p "$home/corpus/$target" "$home/artifacts/$target"
  log=$home/$target.log
  if ! "$home/build/$host/release/$target" "$home/corpus/$target" "fuzz/corpus/$target" -max_total_time="$seconds" \
    -timeout=10 -rss_limit_mb=2048 -max_len=8192 -artifact_prefix="$home/artifacts/$target/" -print_final_stats=1 \
    >"$log" 2>&1; then
    tail -n 30 "$log" >&2
    echo "fuzz: $target broke; the input is in $home/artifacts/$target" >&2
    exit 1
  fi
  printf 'fuzz: %-16s %12s executions, no crash\n' "$target" "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")"
done
