# What the tests in shell share: to be sourced by them.
# shellcheck shell=bash disable=SC2034 # What is set here is used by them.

# How long anything may take, in seconds.
deadline=20
checks=0
server=
# What runs, by its process: whoever starts something enters it here.
declare -A children=()
work=$(mktemp -d)

die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# equal NAME EXPECTED ACTUAL
equal() {
  if [ "$2" != "$3" ]; then
    printf 'not ok: %s\n--- expected\n%s\n--- actual\n%s\n' "$1" "$2" "$3" >&2
    exit 1
  fi
  checks=$((checks + 1))
  echo "ok: $1"
}

# spawn PROGRAM...: starts a server; sets `server`, and from the line that it
# prints `url` and `port`.
spawn() {
  mkfifo "$work/out"
  "$@" >"$work/out" &
  server=$!
  children[$server]=server
  local line
  read -r -t "$deadline" line <"$work/out" || die 'the server did not say what to open'
  rm "$work/out"
  [[ $line =~ ^sse-chat\ [0-9.]+:\ open\ (https?://[0-9.]+:([0-9]+))$ ]] || die "not what to open: $line"
  url=${BASH_REMATCH[1]}
  port=${BASH_REMATCH[2]}
}

# certify NAME: makes a certificate for this name and 127.0.0.1, and its key.
certify() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=$1" \
    -addext "subjectAltName=DNS:$1,IP:127.0.0.1" -keyout "$work/$1.key" -out "$work/$1.pem" 2>"$work/openssl" ||
    die "no certificate: $(cat "$work/openssl")"
}

# status FIELD: a figure of the server's process, in KiB.
status() { sed -nE "s/^$1:\s+([0-9]+) kB/\1/p" "/proc/$server/status"; }

# How many files the server has open.
files() { find "/proc/$server/fd" -mindepth 1 -printf . | wc -c; }
