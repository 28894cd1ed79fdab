#!/usr/bin/env bash
# The same work with the system's allocator, mimalloc and jemalloc: memory for
# 9,000 idle readers, memory after they have left, and processor time.
# docs/memory.md says what came out and what followed from it.
#
#   bash benches/allocators.sh [ROUNDS]     about a quarter of an hour with builds
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${1:-3}
built=$(mktemp -d)
trap 'rm -rf "$built"' EXIT

build() { # NAME FEATURES
  cargo build --profile dist --locked --quiet --no-default-features --features "$2"
  cp "${CARGO_TARGET_DIR:-target}/dist/sse-chat" "$built/$1"
}

# What one run tells: name, values of jq paths of its JSON.
measure() { # ALLOCATOR BENCH-FLAGS...
  local allocator=$1 server url
  shift
  taskset -c 0 "$built/$allocator" --listen 127.0.0.1:0 >"$built/out" 2>&1 &
  server=$!
  until url=$(grep -o 'http://[0-9.:]*' "$built/out"); do sleep 0.05; done
  taskset -c 1 "$built/load" bench --url "$url" --pid "$server" --threads 1 --json - "$@" >"$built/report"
  kill "$server"
  wait "$server" || true
}

figure() { python3 -c 'import json,sys; run=json.load(open(sys.argv[1]))["runs"][0]; print(eval(sys.argv[2], {"s": run["server"], "run": run}))' "$built/report" "$1"; }

build system cli
build mimalloc cli,mimalloc
build jemalloc cli,jemalloc
cp "$built/system" "$built/load"
ulimit -n "$(ulimit -Hn)"
for round in $(seq "$rounds"); do
  for allocator in system mimalloc jemalloc; do
    measure "$allocator" --mode idle --subscribers 9000 --duration 5s
    memory="$(figure 'round(s["memory_before"]/1024)') KiB empty, $(figure 'round(s["memory_per_subscriber"]/1024, 2)') KiB a reader, $(figure 'round(s["memory_left"]/1024)') KiB after they left"
    measure "$allocator" --subscribers 1000 --in-flight 1 --publishers 1 --warmup 1s --duration 4s
    delivery="$(figure 'round(s["cpu_us_per_delivery"], 2)') µs a delivery"
    measure "$allocator" --mode publish --publishers 32 --warmup 1s --duration 4s
    publish="$(figure 'round(s["cpu_us_per_publish"], 1)') µs a publish"
    echo "round $round  $allocator: $memory; $delivery; $publish"
  done
done
