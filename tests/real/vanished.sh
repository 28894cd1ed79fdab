#!/usr/bin/env bash
# Readers whose machine vanishes: no FIN, no reset, nothing answers any more.
# Over loopback no packet gets lost, so the readers are in a network of their
# own, and its only link goes down. Within a minute the server misses them.
# Case 52 of tests/cases.md.
set -euo pipefail

: "${SSE_CHAT_BIN:?names no binary: run \`bash tests/run.sh real\`}"
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/server.sh"
# Of the link's end until nobody is a member any more, in seconds.
patience=60
# Only root makes networks.
as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo -n)
servers=sse-chat-s$$
readers=sse-chat-r$$
here=192.0.2.1
there=192.0.2.2

finish() {
  local child
  for child in "${!children[@]}"; do
    "${as_root[@]}" kill -9 "$child" 2>/dev/null || true
    wait "$child" 2>/dev/null || true
  done
  "${as_root[@]}" ip netns delete "$readers" 2>/dev/null || true
  "${as_root[@]}" ip netns delete "$servers" 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT

in_net() { "${as_root[@]}" ip netns exec "$@"; }

# Two networks, and a link between them that is nobody else's.
make_networks() {
  "${as_root[@]}" ip netns add "$servers" && "${as_root[@]}" ip netns add "$readers" &&
    in_net "$servers" ip link add link-s type veth peer name link-r netns "$readers" &&
    in_net "$servers" ip address add "$here/30" dev link-s &&
    in_net "$readers" ip address add "$there/30" dev link-r &&
    in_net "$servers" ip link set lo up &&
    in_net "$servers" ip link set link-s up &&
    in_net "$readers" ip link set link-r up
}

# start FLAGS...: sets `server` and `port`.
start() {
  spawn "${as_root[@]}" ip netns exec "$servers" "$SSE_CHAT_BIN" --listen "$here:0" --log-level warn "$@"
}

# read_as NAME PORT MORE: a reader, who sends MORE after its request.
read_as() {
  # The address of a shell's own socket, and the reader's script.
  # shellcheck disable=SC2016
  "${as_root[@]}" ip netns exec "$readers" bash -c '
    exec 3<>"/dev/tcp/$1/$2"
    printf "GET /rooms/lobby/events?name=%s HTTP/1.1\r\nHost: %s\r\n\r\n%s" "$3" "$1" "$4" >&3
    exec cat <&3' reader "$here" "$2" "$1" "$3" >"$work/$1" &
  children[$!]=$1
}

# members PORT: how many there are.
members() {
  in_net "$servers" curl --silent --max-time "$deadline" "http://$here:$1/rooms/lobby/members" |
    sed -nE 's/.*"count":([0-9]+).*/\1/p'
}

# until_members COUNT PORT SECONDS
until_members() {
  local end=$((SECONDS + $3))
  while [ "$(members "$2")" != "$1" ]; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.2
  done
}

make_networks || die 'no network of its own can be made here: it takes root, and iproute2'

# Their pings find who is gone; and where there is hardly a ping, the kernel does.
start
often=$port
start --ping 10m
rarely=$port
read_as Ann "$often" ''
read_as Bob "$rarely" ''
read_as Cyd "$rarely" 'and another thing'
until_members 1 "$often" "$deadline" || die 'Ann did not become a member'
until_members 2 "$rarely" "$deadline" || die 'Bob and Cyd did not become members'
echo 'ok: three readers are there'

"${as_root[@]}" ip -n "$readers" link set link-r down
began=$SECONDS
until_members 0 "$often" "$patience" || die "who gets pings was still a member after $patience s"
echo "ok: who gets pings is gone after $((SECONDS - began)) s"
until_members 0 "$rarely" "$((patience - SECONDS + began))" || die "who gets none was still a member after $patience s"
echo "ok: who gets none is gone after $((SECONDS - began)) s at most"

echo 'vanished.sh: 3 checks passed'
