#!/usr/bin/env bash
# What the server is run from: the static binary alone in an empty root, as the
# image has it; the units; the Dockerfile; compose.yaml and its nginx.
#
# No Docker engine and no systemd is started. What they read is checked by their
# own tools, and what they would start is started here.
set -euo pipefail
cd "$(dirname "$0")/../.."
# nginx and chroot are there, and not in everybody's path.
PATH=$PATH:/usr/sbin

# shellcheck source-path=SCRIPTDIR
source tests/real/server.sh
venv=tests/real/venv/bin
# Another root is for root to enter.
as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo)

finish() {
  local child
  for child in "${!children[@]}"; do
    # In peace: nginx has children of its own.
    "${as_root[@]}" kill "$child" 2>/dev/null || true
    wait "$child" 2>/dev/null || true
  done
  rm -rf "$work"
}
trap finish EXIT

# stop: asks the server to end; sets `status`, its exit code.
stop() {
  status=0
  "${as_root[@]}" kill "$server"
  wait "$server" || status=$?
  unset "children[$server]"
}

# get PATH, of what listens on `port`.
get() { curl --silent --max-time "$deadline" "http://127.0.0.1:$port$1"; }

# ---- the build
static=$(bash tests/real/static_build.sh)
equal 'the binary needs no library' 'statically linked' "$(ldd "$static" | xargs)"

# ---- alone in an empty root, as nobody
root=$work/root
mkdir "$root"
cp "$static" "$root/sse-chat"
chmod -R a+rX "$work"

# As a container of the image has it: VARIABLE comes between the two.
clean=("${as_root[@]}" env --ignore-environment)
alone=("$(command -v chroot)" --userspec=65534:65534 "$root" /sse-chat)
# image ARGUMENTS...: the program beside the server, in the same container.
image() { "${clean[@]}" "SSE_CHAT_LISTEN=0.0.0.0:$port" "${alone[@]}" "$@"; }

spawn "${clean[@]}" SSE_CHAT_LISTEN=0.0.0.0:0 "${alone[@]}"
equal 'the image has one file' 'sse-chat' "$(ls -A "$root")"
equal 'health finds the server' "http://127.0.0.1:$port/healthz: ok" "$(image health)"
image send --name Ada 'from an empty root' >/dev/null
equal 'what is said there is heard there' '"from an empty root"' \
  "$(image tail --backlog 1 --count 1 --json | grep -o '"from an empty root"')"
equal 'and outside' ok "$(get /healthz)"
[[ $(get /) == *'<title>'* ]] || die 'the page is not in the binary'
stop
equal 'it drains on the stop signal' 0 "$status"
status=0
image health 2>/dev/null || status=$?
equal 'health says that it is gone' 1 "$status"

# ---- the units
for unit in deploy/systemd/*; do
  sed "s|/usr/local/bin/sse-chat|$static|" "$unit" >"$work/${unit##*/}"
done
equal 'the units have nothing to complain about' '' \
  "$(systemd-analyze verify "$work/sse-chat.service" "$work/sse-chat.socket" 2>&1)"
systemd-analyze security --offline=true --threshold=5 --no-pager "$work/sse-chat.service" >"$work/security" ||
  die "the sandbox has become weaker: $(cat "$work/security")"

# Its port was the last server's, so it is free.
systemd-socket-activate --listen="127.0.0.1:$port" "$static" --listen 127.0.0.1:1 2>/dev/null >&2 &
server=$!
children[$server]=server
until : 2>/dev/null <>"/dev/tcp/127.0.0.1/$port"; do
  kill -0 "$server" 2>/dev/null || die 'systemd-socket-activate ended'
done
equal 'a socket of systemd is served' ok "$(get /healthz)"
stop
equal 'and left in order' 0 "$status"

# ---- the image and what starts it
"$venv/hadolint" Dockerfile
docker_compose=$("$venv/docker-compose" config --format json)
# of PATH: what compose makes of it.
of() { python3 -c 'import json, sys; d = json.load(sys.stdin)
for key in sys.argv[1:]: d = d[int(key) if key.isdigit() else key]
print(d)' "$@" <<<"$docker_compose"; }
equal 'the proxy that is trusted is the network that compose makes' \
  "$(of networks default ipam config 0 subnet)" "$(of services chat environment SSE_CHAT_TRUSTED_PROXY)"
equal 'only nginx can be reached from outside' '8080' "$(of services nginx ports 0 published)"
! of services chat ports 2>/dev/null || die 'the chat is open beside nginx'
cmp -s "$(of services nginx volumes 0 source)" deploy/compose/nginx.conf || die 'nginx has no configuration'

docker_compose=$("$venv/docker-compose" -f deploy/compose.cluster.yaml config --format json)
equal 'the proxy that is trusted is the network of the cluster' \
  "$(of networks default ipam config 0 subnet)" "$(of services chat-2 environment SSE_CHAT_TRUSTED_PROXY)"
equal 'all servers have one history' "$(of services chat-1 environment SSE_CHAT_REDIS)" \
  "$(of services chat-3 environment SSE_CHAT_REDIS)"
! of services valkey ports 2>/dev/null || die 'Valkey is open'
cmp -s "$(of services nginx volumes 0 source)" deploy/compose/cluster.nginx.conf || die 'the cluster has no nginx'

# ---- its nginx, with the addresses of this machine
spawn "$static" --listen 127.0.0.1:0 --log-level off
chat=$port
spawn "$static" --listen 127.0.0.1:0 --log-level off
stop
mkdir "$work/nginx"
sed -e "s/listen 80;/listen 127.0.0.1:$port;/" -e "s|http://chat:8080|http://127.0.0.1:$chat|" \
  -e "s|^http {|&\naccess_log off; client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;|" \
  deploy/compose/nginx.conf >"$work/nginx/nginx.conf"
nginx -p "$work/nginx" -c nginx.conf -e stderr -g 'daemon off; pid nginx.pid;' 2>"$work/nginx/log" &
children[$!]=runs
until : 2>/dev/null <>"/dev/tcp/127.0.0.1/$port"; do
  kill -0 "$!" 2>/dev/null || die "nginx ended: $(cat "$work/nginx/log")"
done
exec 9< <(exec curl --silent --no-buffer --max-time "$deadline" "http://127.0.0.1:$port/rooms/lobby/events")
children[$!]=runs
heard() {
  local line
  while read -r -t "$deadline" line <&9; do
    if [[ $line == *"$1"* ]]; then return; fi
  done
  die "the stream through nginx has no $1"
}
heard 'event: hello'
equal 'a page of this host may write through nginx' 201 \
  "$(curl -s -o /dev/null -w '%{http_code}' -H "Origin: http://127.0.0.1:$port" -H 'Sec-Fetch-Site: same-origin' \
    -d name=Ada -d message=proxied "http://127.0.0.1:$port/rooms/lobby/messages")"
heard '"message":"proxied"'

echo "packaging.sh: $checks checks passed"
