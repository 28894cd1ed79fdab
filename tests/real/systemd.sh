#!/usr/bin/env bash
# The units under a systemd of their own: this machine's files, as a container
# sees them and with nothing written back, boot systemd with the units in place.
#
#   SSE_CHAT_BIN=target/release/sse-chat bash tests/real/systemd.sh
#
# It needs root, systemd-nspawn (Debian: systemd-container) and mounts, which is
# more than a test run may ask for, so it is run by hand.
set -euo pipefail

deadline=20
checks=0

# equal NAME EXPECTED ACTUAL
equal() {
  if [ "$2" != "$3" ]; then
    printf 'not ok: %s\n--- expected\n%s\n--- actual\n%s\n' "$1" "$2" "$3"
    exit 1
  fi
  checks=$((checks + 1))
  echo "ok: $1"
}

# get COUNT: asks so many times, one after the other; gives the answers counted.
get() {
  for _ in $(seq "$1"); do
    curl --silent --max-time "$deadline" --write-out ' %{http_code}\n' http://127.0.0.1:8080/healthz || true
  done | sort | uniq -c | xargs
}

# property NAME: what systemd knows of the service.
property() { systemctl show --property "$1" --value sse-chat.service; }

# of FIELD: what the kernel knows of the server's process.
of() { sed -n "s/^$1:\t//p" "/proc/$(property MainPID)/status"; }

# ---- inside: systemd is up, and the units are there
check_units() {
  systemctl start sse-chat.socket
  equal 'a connection starts the server' '1 ok 200' "$(get 1)"
  equal 'systemd was told of it' 'notify active' "$(property Type) $(property ActiveState)"

  equal 'no capability' 0000000000000000 "$(of CapEff)"
  equal 'no new privileges, and a filter of system calls' '1 2' "$(of NoNewPrivs) $(of Seccomp)"
  [ "$(of Uid | cut -f 1)" -ge 61184 ] || { echo 'not ok: it runs as a user that stays'; exit 1; }
  [ "$(readlink "/proc/$(property MainPID)/ns/net")" != "$(readlink /proc/self/ns/net)" ] ||
    { echo 'not ok: it has the network'; exit 1; }

  get 300 >/run/answers &
  local asking=$!
  for _ in 1 2 3; do systemctl restart sse-chat.service; done
  wait "$asking"
  equal 'three restarts refuse nobody' '300 ok 200' "$(cat /run/answers)"

  mkdir -p /run/systemd/system/sse-chat.service.d
  printf '[Service]\nWatchdogSec=2s\n' >/run/systemd/system/sse-chat.service.d/watchdog.conf
  systemctl daemon-reload
  systemctl restart sse-chat.service
  kill -STOP "$(property MainPID)"
  equal 'who asks a server that hangs is answered by the next' '1 ok 200' "$(get 1)"
  equal 'which the watchdog started' 1 "$(property NRestarts)"

  echo 'SSE_CHAT_PING=soon' >/etc/sse-chat.env
  ! systemctl restart sse-chat.service || { echo 'not ok: it starts with a bad setting'; exit 1; }
  equal 'a bad setting is not tried again' 'failed 1' "$(property ActiveState) $(property ExecMainStatus)"
  echo "systemd.sh: $checks checks passed"
}

# ---- outside: a root that is this machine's, with all that is written in memory
boot() {
  : "${SSE_CHAT_BIN:?names no binary}"
  local work root units
  work=$(mktemp -d)
  root=$work/root
  mount -t tmpfs tmpfs "$work"
  # shellcheck disable=SC2064 # With the value of now.
  trap "umount --quiet '$root'; umount '$work'; rmdir '$work'" EXIT
  mkdir "$work"/{root,upper,work}
  mount -t overlay overlay -o "lowerdir=/,upperdir=$work/upper,workdir=$work/work" "$root"
  units=$root/etc/systemd/system
  install -m 755 "$SSE_CHAT_BIN" "$root/usr/local/bin/sse-chat"
  install -m 755 "$0" "$root/usr/local/bin/check-units"
  cp "$(dirname "$0")"/../../deploy/systemd/* "$units"
  printf '[Unit]\nRequires=basic.target\nWants=check.service\n' >"$units/check.target"
  printf '[Unit]\nAfter=basic.target\nSuccessAction=poweroff\nFailureAction=poweroff\n[Service]\nType=oneshot\n' >"$units/check.service"
  printf 'ExecStart=/usr/local/bin/check-units inside\nStandardOutput=file:/checked\nStandardError=inherit\n' >>"$units/check.service"
  timeout --kill-after=10 120 systemd-nspawn --quiet --directory "$root" --register=no --keep-unit \
    --private-network --boot systemd.unit=check.target </dev/null >"$work/console" 2>&1 || cat "$work/console"
  cat "$root/checked"
  grep -q 'checks passed$' "$root/checked"
}

case "${1:-outside}" in
  inside) check_units ;;
  *) boot ;;
esac
