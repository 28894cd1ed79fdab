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
  [[ $line =~ ^sse-chat\ [0-9.]+:\ open\ (http://[0-9.]+:([0-9]+))$ ]] || die "not what to open: $line"
  url=${BASH_REMATCH[1]}
  port=${BASH_REMATCH[2]}
}

# status FIELD: a figure of the server's process, in KiB.
status() { sed -nE "s/^$1:\s+([0-9]+) kB/\1/p" "/proc/$server/status"; }

# How many files the server has open.
files() { find "/proc/$server/fd" -mindepth 1 -printf . | wc -c; }
