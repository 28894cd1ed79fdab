#!/usr/bin/env bash
# slowhttptest in three modes at once: heads that come in drops, bodies that do,
# and answers that are taken in drops. Meanwhile 1,000 readers lose nothing; and
# after it the server has no connection left, and about the memory it had.
#
# Where the attack comes from nothing is limited for an address: it is this
# machine. So what ends it is time, which is shortened here.
set -euo pipefail

: "${SSE_CHAT_BIN:?names no binary: run \`bash tests/run.sh real\`}"
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/server.sh"
readers=1000
seconds=15
# How much memory it may have at most, in KiB: hundreds of clients take an answer
# of 2 MB in drops. And how much more than before when all is over.
memory_most=$((192 * 1024))
memory_left=$((24 * 1024))
attackers=()

finish() {
  local child
  for child in "${attackers[@]}" $server; do
    kill -9 "$child" 2>/dev/null || true
    wait "$child" 2>/dev/null || true
  done
  rm -rf "$work"
}
trap finish EXIT

# start FLAGS...: sets `server` and `url`.
start() { spawn "$SSE_CHAT_BIN" --listen 127.0.0.1:0 --log-level warn "$@"; }

# bench NAME FLAGS...: what it says is in a file of that name.
bench() {
  "$SSE_CHAT_BIN" bench --url "$url" "${@:2}" >"$work/$1" 2>&1 || { cat "$work/$1"; die "bench: $1"; }
}

# attack NAME FLAGS...: connects 300 times a second, as long as the test goes.
attack() {
  slowhttptest -c $((300 * seconds)) -r 300 -l "$seconds" -p 5 "${@:2}" >"$work/$1" 2>&1 &
  attackers+=($!)
}

# The connections of all attacks, by what slowhttptest said last.
connections_made() {
  local name state
  for name in heads bodies answers; do
    for state in connected closed; do
      sed 's/\x1b\[[0-9;]*m//g' "$work/$name" | grep -a "^$state:" | tail -1 | grep -o '[0-9]*$'
    done
  done | paste -sd+ | { read -r sum; echo $((sum)); }
}

is_running() { [ -n "$(jobs -rp | grep -x "$1")" ]; }

# The honest readers, under the attack and a little longer.
read_on() {
  bench readers --subscribers "$readers" --rate 10 --warmup 1s --duration "$((seconds + 5))s" --drain 10s \
    --fail-if 'lost>0' --fail-if 'doubled>0' --fail-if 'out_of_order>0' --fail-if 'incomplete>0' \
    --fail-if 'disconnected>0' --fail-if 'failed>0' --fail-if 'refused>0' --fail-if 'unanswered>0'
}

command -v slowhttptest >/dev/null || die 'slowhttptest is missing: run `bash tests/run.sh install`'
ulimit -n "$(ulimit -Hn)"

start --first-byte-timeout 5s --head-timeout 5s --body-timeout 5s --answer-timeout 4s --idle-timeout 3s --stall 15s

# What is long to read, and all that makes the server as large as it is in peace.
bench history --mode publish --publish-path /rooms/long/messages --size 4000 --messages 600
bench peace --subscribers "$readers" --rate 10 --duration 1s
files_before=$(files)
memory=$(status VmRSS)

read_on &
honest=$!
attack heads -H -i 1 -x 24 -u "$url/healthz"
attack bodies -B -i 1 -x 10 -s 8192 -f application/json -u "$url/rooms/long/messages"
attack answers -X -n 1 -w 512 -y 1024 -z 32 -k 3 -u "$url/rooms/long/messages?limit=500"

most_files=0
while is_running "$honest"; do
  now=$(files)
  if [ "$now" -gt "$most_files" ]; then most_files=$now; fi
  sleep 0.2
done
wait "$honest" || { cat "$work/readers"; die 'readers noticed the attack'; }
echo "ok: $readers readers lost nothing"
sed -n '/^Latency/,/until all/p' "$work/readers"

wait "${attackers[@]}" || true
# How many are open at one time depends on the machine, how many there were does not.
made=$(connections_made)
[ "$made" -gt 3000 ] && [ "$most_files" -gt $((readers + 300)) ] ||
  die "that was no attack: $made connections, $most_files open files at most"
echo "ok: the attack had $made connections, $((most_files - files_before - readers)) at one time"

end=$((SECONDS + deadline))
until [ "$(files)" -le $((files_before + 1)) ]; do
  [ "$SECONDS" -lt "$end" ] || die "$(files) open files are left, of $files_before before"
  sleep 0.2
done
echo 'ok: no connection is left'

most=$(status VmHWM)
left=$(($(status VmRSS) - memory))
echo "memory: $memory KiB before, $most KiB at most, $((memory + left)) KiB after"
[ "$most" -lt "$memory_most" ] || die "$most KiB of memory are too many"
[ "$left" -lt "$memory_left" ] || die "$left KiB of memory are left"
echo 'ok: memory is what it was'
echo 'slow_attacks.sh: 4 checks passed'
