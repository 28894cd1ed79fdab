#!/usr/bin/env bash
# The lines that a README shows, typed as a reader would, against a real
# server: what comes back is compared to the byte, but for ids and times.
#
#   curl.sh [clear | tls | http2 | http2-clear]   how curl speaks to the server
set -euo pipefail

: "${SSE_CHAT_BIN:?names no binary: run \`bash tests/run.sh real\`}"
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/server.sh"

stop_server() {
  kill -9 "$server" 2>/dev/null || true
  # Without this, bash tells of the killed job.
  wait "$server" 2>/dev/null || true
}

finish() {
  if [ -n "$server" ]; then stop_server; fi
  rm -rf "$work"
}
trap finish EXIT

# What differs from run to run, made the same.
plain() {
  sed -E \
    -e 's/"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,12}Z"/"TIME"/g' \
    -e 's/\b[a-z0-9]{4,16}-([0-9]+)\b/EPOCH-\1/g' \
    -e 's/^retry: [0-9]+$/retry: R/' \
    -e 's/^date: .*/date: D/'
}

# What curl is told about the transport, the flags of the server, and its scheme.
over=() flags=() scheme=http version='HTTP/1.1 200 OK'
transport=${1:-clear}
case "$transport" in
  tls | http2)
    certify localhost
    over=(--cacert "$work/localhost.pem")
    flags=(--tls-cert "$work/localhost.pem" --tls-key "$work/localhost.key")
    scheme=https
    ;;
esac
case "$transport" in
  clear) ;;
  tls) over+=(--http1.1) ;;
  http2) over+=(--http2) version='HTTP/2 200 ' ;;
  http2-clear) over+=(--http2-prior-knowledge) version='HTTP/2 200 ' ;;
  *) die "no transport: $transport" ;;
esac

curl() { command curl "${over[@]}" "$@"; }

# start ADDRESS: sets `server` and `url`.
start() { spawn "$SSE_CHAT_BIN" --listen "$scheme://$1" "${flags[@]}" --log-level warn; }

# open_stream ARGUMENTS...: a curl that goes on; its lines come on descriptor 9.
open_stream() {
  exec 9< <(exec curl "${over[@]}" --silent --no-buffer "$@")
  stream=$!
}

# The next event of the open stream, as one text.
next_event() {
  local line event=
  while read -r -t "$deadline" line <&9; do
    [ -n "$line" ] || break
    event+=$line$'\n'
  done
  [ -n "$event" ] || die 'the stream brought no event in time'
  printf '%s' "$event" | plain
}

close_stream() {
  kill "$stream" 2>/dev/null || true
  wait "$stream" 2>/dev/null || true
  exec 9<&-
}

# update SEQ NUMBER NAME MESSAGE: the event of a message in the lobby.
update() {
  printf 'id: EPOCH-%s\nevent: update\ndata: ' "$1"
  message "$@"
}

# message SEQ NUMBER NAME MESSAGE: its JSON.
message() {
  printf '{"id":"EPOCH-%s","room":"lobby","number":%s,"name":"%s","message":"%s","created_at":"TIME"}\n' "$@"
}

# hello CURSOR OLDEST NEWEST NEXT: the event of the lobby without members.
hello() {
  printf 'retry: R\nevent: hello\nid: %s\ndata: {"cursor":"%s","ping_ms":15000,' "$1" "$1"
  printf '"rooms":[{"room":"lobby","members":0,"oldest":%s,"newest":%s,"next":%s}]}\n' "$2" "$3" "$4"
}

start 127.0.0.1:0

# ---- a stream, and three ways to say something into it
open_stream -N "$url/rooms/lobby/events"
equal 'a stream begins with hello' "$(hello EPOCH-0 null null 1)" "$(next_event)"

equal 'JSON is said' "$(message 1 1 Alice 'Hello, everybody')" \
  "$(curl -s "$url/rooms/lobby/messages" -H 'Content-Type: application/json' \
    -d '{"name":"Alice","message":"Hello, everybody"}' | plain)"
equal 'the stream brings it' "$(update 1 1 Alice 'Hello, everybody')" "$(next_event)"

equal 'a form is said' "$(message 2 2 Bob '1 + 1 = 2 & more')" \
  "$(curl -s "$url/rooms/lobby/messages" -d name=Bob --data-urlencode 'message=1 + 1 = 2 & more' | plain)"
equal 'the stream brings it' "$(update 2 2 Bob '1 + 1 = 2 & more')" "$(next_event)"

equal "the demo's line is said" '{"code":0,"msg":"success"}' \
  "$(curl -s "$url/send.php?name=Alice&message=This_is_Alice")"
equal 'the stream brings it' "$(update 3 3 Alice This_is_Alice)" "$(next_event)"
equal "the demo's line without a message fails in its own way" '{"code":-1,"msg":"fail"} 200' \
  "$(curl -s -w ' %{http_code}' "$url/send.php?name=Alice")"
close_stream

# ---- resume
epoch_1=$(curl -s "$url/rooms/lobby/messages" | grep -oE '[a-z0-9]+-1"' | head -n 1 | tr -d '"')
open_stream -N -H "Last-Event-ID: $epoch_1" "$url/rooms/lobby/events"
equal 'a resumed stream says from where' "$(hello EPOCH-1 '"EPOCH-1"' '"EPOCH-3"' 4)" "$(next_event)"
equal 'and goes on with the next' "$(update 2 2 Bob '1 + 1 = 2 & more')" "$(next_event)"
equal 'and the one after it' "$(update 3 3 Alice This_is_Alice)" "$(next_event)"
close_stream

open_stream -N "$url/rooms/lobby/events?last_event_id=$epoch_1"
equal 'the query resumes too' "$(hello EPOCH-1 '"EPOCH-1"' '"EPOCH-3"' 4)" "$(next_event)"
equal 'with the same message' "$(update 2 2 Bob '1 + 1 = 2 & more')" "$(next_event)"
close_stream

open_stream -N "$url/rooms/lobby/events?backlog=1"
equal 'a backlog begins before its first' "$(hello EPOCH-2 '"EPOCH-1"' '"EPOCH-3"' 4)" "$(next_event)"
equal 'and brings the last' "$(update 3 3 Alice This_is_Alice)" "$(next_event)"
close_stream

# ---- the demo's stream, and a stream of two rooms
open_stream -N "$url/sse.php"
equal "the demo's stream has all of history" "$(hello EPOCH-0 '"EPOCH-1"' '"EPOCH-3"' 4)" "$(next_event)"
equal 'from the first message on' "$(update 1 1 Alice 'Hello, everybody')" "$(next_event)"
close_stream

open_stream -N "$url/events?room=lobby&room=tea"
next_event >/dev/null
curl -s "$url/rooms/tea/messages" -d name=Carol -d message=Tea >/dev/null
equal 'one stream brings two rooms' \
  $'id: EPOCH-4\nevent: update\ndata: {"id":"EPOCH-4","room":"tea","number":1,"name":"Carol","message":"Tea","created_at":"TIME"}' \
  "$(next_event)"
close_stream

# ---- who is here
open_stream -N "$url/rooms/lobby/events?name=Dora"
next_event >/dev/null
equal 'a named stream is a member' '{"room":"lobby","count":1,"members":[{"name":"Dora","since":"TIME"}]}' \
  "$(curl -s "$url/rooms/lobby/members" | plain)"
close_stream

# ---- history
equal 'a page of history' \
  "{\"room\":\"lobby\",\"messages\":[$(message 2 2 Bob '1 + 1 = 2 & more')],\"oldest\":\"EPOCH-1\",\"newest\":\"EPOCH-3\"}" \
  "$(curl -s "$url/rooms/lobby/messages?after=$epoch_1&limit=1" | plain)"
equal 'a room where nothing was said' '{"room":"empty","messages":[],"oldest":null,"newest":null}' \
  "$(curl -s "$url/rooms/empty/messages")"

# ---- said once
for status in 201 200; do
  equal "the same client id again: $status" "$status" \
    "$(curl -s -o /dev/null -w '%{http_code}' "$url/rooms/lobby/messages" -d name=Eve -d message=once -d client_id=c-1)"
done

equal 'the same client id with other words: 422' '422 client_id_reused' \
  "$(curl -s -w ' %{http_code}' "$url/rooms/lobby/messages" -d name=Eve -d message=twice -d client_id=c-1 |
    sed -E 's/.*"code":"([a-z_]+)".* ([0-9]+)$/\2 \1/')"
equal 'readers see no client id' '' "$(curl -s "$url/rooms/lobby/messages" | grep -o client_id || true)"
echo '{"name":"Eve","message":"packed"}' | gzip >"$work/packed"
equal 'a compressed body is refused' 415 \
  "$(curl -s -o /dev/null -w '%{http_code}' "$url/rooms/lobby/messages" --data-binary "@$work/packed" \
    -H 'Content-Type: application/json' -H 'Content-Encoding: gzip')"
curl -s -o "$work/problem" "$url/rooms/lobby/messages" -d '{"name":"Eve","message":"no type"}'
grep -q 'Content-Type: application/json' "$work/problem" || die "no header is named: $(cat "$work/problem")"

# ---- heads, health, refusals
equal 'HEAD of a stream' \
  "$version"$'\ncontent-type: text/event-stream\ncache-control: no-cache, no-store, no-transform\nx-accel-buffering: no\nx-content-type-options: nosniff\ndate: D' \
  "$(curl -sI -m "$deadline" "$url/rooms/lobby/events" | tr -d '\r' | plain)"
equal 'healthz' 'ok 200' "$(curl -s -w ' %{http_code}' "$url/healthz")"
equal 'readyz' 'ok 200' "$(curl -s -w ' %{http_code}' "$url/readyz")"
equal 'a refusal is a problem' '400 application/problem+json' \
  "$(curl -s -o "$work/problem" -w '%{http_code} %{content_type}' "$url/rooms/lobby/messages" -d name=Alice)"
grep -q '"code":"invalid_message"' "$work/problem" || die "not invalid_message: $(cat "$work/problem")"
equal 'the rooms are a secret' 404 "$(curl -s -o /dev/null -w '%{http_code}' "$url/rooms")"

# ---- a restart
before=$url
stop_server
start "${before#"$scheme://"}"
equal 'it starts again where it was' "$before" "$url"
open_stream -N -H "Last-Event-ID: $epoch_1" "$url/rooms/lobby/events"
equal 'a cursor from before the restart is kept' "$(hello EPOCH-1 null null 1)" "$(next_event)"
equal 'and the gap says why' \
  $'event: gap\nid: EPOCH-0\ndata: {"room":"lobby","reason":"restart","lost":null,"next":1}' "$(next_event)"
close_stream

echo "curl.sh, $transport: $checks checks passed"
