#!/usr/bin/env bash
# A server under attack for minutes, while 1,000 honest readers read on: what
# they notice, and what the server keeps of it. Not a test, since the figures
# depend on the machine; that honest people lose nothing is checked.
#
#   SSE_CHAT_BIN=target/release/sse-chat bash tests/real/siege.sh [MINUTES]
#
# 10 minutes by default. More settings, with what they are by default:
#   SIEGE_READERS=1000      honest readers
#   SIEGE_RATE=4            honest messages a second; one address may say 5
#   SIEGE_PUBLISHES=1000    publishes of the attack a second
#   SIEGE_CONNECTIONS=200   connections of the attack a second
#   SIEGE_SLOW=50           connections a second in each mode of slowhttptest
#   SIEGE_PEACE=30          seconds that are measured before and after
#   SIEGE_CORES="0 1"       the core of the server, and that of all else
#
# The server has its own limits, and the addresses of this machine are limited
# like any others. Honest people have twenty addresses (127.0.1.x) and a room;
# slowhttptest has one (127.0.0.1); the flood has 50 that publish (127.0.2.x)
# and 250 that connect (127.0.3.x), into a room of its own. So what honest
# readers may notice is the time and the memory that an attack takes.
set -euo pipefail
cd "$(dirname "$0")"

: "${SSE_CHAT_BIN:?names no binary: build one with \`cargo build --release\`}"
SSE_CHAT_BIN=$(cd "$OLDPWD" && realpath "$SSE_CHAT_BIN")
# shellcheck source-path=SCRIPTDIR
source server.sh
seconds=$((${1:-10} * 60))
readers=${SIEGE_READERS:-1000}
rate=${SIEGE_RATE:-4}
publishes=${SIEGE_PUBLISHES:-1000}
connections=${SIEGE_CONNECTIONS:-200}
slow=${SIEGE_SLOW:-50}
read -r server_core load_core <<<"${SIEGE_CORES:-0 1}"
peace_seconds=${SIEGE_PEACE:-30}
attackers=()

finish() {
  local child
  for child in "${attackers[@]}" $server; do
    # With all that it started, where it is the head of a group of its own.
    kill -- "-$child" 2>/dev/null || kill "$child" 2>/dev/null || true
    wait "$child" 2>/dev/null || true
  done
  rm -rf "$work"
}
trap finish EXIT

tell() { echo "$1: $(status VmRSS) KiB, $(status VmHWM) KiB at most; $(files) open files; load $(cut -d ' ' -f 1 /proc/loadavg)"; }

# read_on NAME SECONDS: honest people, who must not lose anything.
# One of them talks, always: a connection that rests is closed after a while, and
# whoever sends in that very moment has to send again.
read_on() {
  local sources=()
  for host in {1..20}; do sources+=(--source-ip "127.0.1.$host"); done
  taskset -c "$load_core" "$SSE_CHAT_BIN" bench --url "$url" "${sources[@]}" --pid "$server" \
    --publishers 1 --subscribers "$readers" --rate "$rate" --warmup 2s --duration "$2s" \
    --fail-if 'lost>0' --fail-if 'doubled>0' --fail-if 'out_of_order>0' --fail-if 'incomplete>0' \
    --fail-if 'disconnected>0' --fail-if 'failed>0' --fail-if 'refused>0' --fail-if 'unanswered>0' \
    >"$work/$1" 2>&1 || { cat "$work/$1"; die "honest readers noticed: $1"; }
  echo "== $1"
  sed -n -e '/^Published/p' -e '/^Delivered/p' -e '/^Latency/,/until all/p' -e '/^Server/,/^Generator/p' "$work/$1"
}

# keep_at FLAGS...: slowhttptest over and over, since it stops when all is closed.
keep_at() {
  local end=$((SECONDS + seconds))
  while [ "$SECONDS" -lt "$end" ]; do
    slowhttptest -c 2000 -r "$slow" -l 40 -p 5 "$@" >>"$work/slowhttptest" 2>&1 || true
  done
}

attack() {
  setsid taskset -c "$load_core" nice -n 10 "$@" &
  attackers+=($!)
}

command -v slowhttptest >/dev/null || die 'slowhttptest is missing: run `bash tests/run.sh install`'
ulimit -n "$(ulimit -Hn)"
export -f keep_at
export work seconds slow

spawn taskset -c "$server_core" "$SSE_CHAT_BIN" --listen 127.0.0.1:0 --log-level warn --limit-loopback
echo "attack: $publishes publishes and $connections connections a second, 3 modes of slowhttptest with $slow connections a second each"
read_on before "$peace_seconds"
tell 'memory before'

attack node siege_flood.mjs "$url" "$seconds" "$publishes" "$connections"
attack bash -c 'keep_at "$@"' slow -H -i 5 -x 24 -u "$url/"
attack bash -c 'keep_at "$@"' slow -B -i 5 -x 10 -s 8192 -f application/json -u "$url/rooms/siege/messages"
attack bash -c 'keep_at "$@"' slow -X -n 2 -w 512 -y 1024 -z 32 -k 3 -u "$url/rooms/siege/messages?limit=500"
(for ((minute = 1; minute * 60 < seconds; minute++)); do sleep 60; tell "minute $minute"; done) &
attackers+=($!)
read_on during $((seconds - 20))
cut -c1-100 "$work/during" | sed -n '/^Connect/p'
wait "${attackers[@]}" || true
attackers=()
tell 'memory at the end of the attack'

read_on after "$peace_seconds"
tell 'memory after'
