#!/usr/bin/env bash
# Three servers that share one history over Redis or Valkey, behind nginx: what
# compose.cluster.yaml starts, without Docker. It runs until it is stopped (Ctrl-C).
#
#   bash deploy/cluster.sh                  http://127.0.0.1:8080
#   bash deploy/cluster.sh --list-rooms     more flags of each server
#   PORTS='9000 9001 9002 9003 9004' bash deploy/cluster.sh
#
# PORTS are those of nginx, of the three servers and of Redis. It needs nginx and redis-server
# or valkey-server. SSE_CHAT_BIN names the binary, REDIS the server, and FOLDER keeps the
# history; without it all is gone at the end.
set -euo pipefail
cd "$(dirname "$0")/.."
# nginx is there, and not in everybody's path.
PATH=$PATH:/usr/sbin

binary=${SSE_CHAT_BIN:-target/release/sse-chat}
redis=${REDIS:-$(command -v valkey-server || command -v redis-server || true)}
read -r port one two three redis_port <<<"${PORTS:-8080 8081 8082 8083 8084}"
nodes=("$one" "$two" "$three")
folder=${FOLDER:-$(mktemp -d)}

die() {
  echo "cluster.sh: $1" >&2
  exit 1
}

[ -x "$binary" ] || die "there is no $binary: cargo build --release, or set SSE_CHAT_BIN"
[ -n "$redis" ] || die 'there is neither valkey-server nor redis-server: install one, or set REDIS'
command -v nginx >/dev/null || die 'there is no nginx: install it'

children=()
finish() {
  trap '' INT TERM
  for child in "${children[@]}"; do kill "$child" 2>/dev/null || true; done
  wait
  [ -n "${FOLDER:-}" ] || rm -rf "$folder"
}
trap finish EXIT
trap 'exit 0' INT TERM

# Waits until something listens at a port, or the child ends.
await() {
  until : 2>/dev/null <>"/dev/tcp/127.0.0.1/$1"; do
    kill -0 "$2" 2>/dev/null || die "$3 ended: see $folder"
    sleep 0.05
  done
}

mkdir -p "$folder/redis" "$folder/nginx"
"$redis" --port "$redis_port" --bind 127.0.0.1 --dir "$folder/redis" --save '' --appendonly yes \
  --appendfsync always --maxmemory-policy noeviction >"$folder/redis/log" &
children+=($!)
await "$redis_port" "$!" "$redis"

edits=()
for number in 1 2 3; do
  node=${nodes[number - 1]}
  "$binary" --listen "127.0.0.1:$node" --redis "redis://127.0.0.1:$redis_port" \
    --trusted-proxy 127.0.0.1/32 "$@" >"$folder/chat-$number.log" 2>&1 &
  children+=($!)
  echo "$!" >"$folder/chat-$number.pid"
  await "$node" "$!" "chat-$number"
  edits+=(-e "s/server chat-$number:8080 resolve/server 127.0.0.1:$node/")
done

sed -e "s/listen 80;/listen 127.0.0.1:$port;/" -e '/resolver /d' "${edits[@]}" \
  -e "s|^http {|&\naccess_log off; client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;|" \
  deploy/compose/cluster.nginx.conf >"$folder/nginx/nginx.conf"
nginx -p "$folder/nginx" -c nginx.conf -e stderr -g 'daemon off; pid nginx.pid;' 2>"$folder/nginx/log" &
children+=($!)
await "$port" "$!" nginx

echo "sse-chat: open http://127.0.0.1:$port (three servers; logs and process ids in $folder)"
wait
