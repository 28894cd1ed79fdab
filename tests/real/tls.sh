#!/usr/bin/env bash
# TLS, as `openssl s_client` sees it: versions, ciphers, renegotiation, tickets, ALPN,
# names, and how a stream ends.
set -euo pipefail

: "${SSE_CHAT_BIN:?names no binary: run \`bash tests/run.sh real\`}"
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/server.sh"

finish() {
  local child
  for child in "${!children[@]}"; do
    kill -9 "$child" 2>/dev/null || true
    wait "$child" 2>/dev/null || true
  done
  rm -rf "$work"
}
trap finish EXIT

# Ciphers without forward secrecy, without authentication, or in CBC mode.
weak='kRSA:aNULL:eNULL:ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA384:3DES:RC4:@SECLEVEL=0'

# client FLAGS...: s_client to the server; what it says, whatever its result is.
client() { timeout "$deadline" openssl s_client -connect "127.0.0.1:$port" "$@" 2>&1 || true; }

# shake FLAGS...: one handshake.
shake() { client "$@" </dev/null; }

# agreed FLAGS...: what both agreed on, such as `New, TLSv1.3`.
agreed() { shake "$@" | sed -nE 's/^(New|Reused), ([^,]+), Cipher is .*/\1, \2/p'; }

# alert FLAGS...: the alert by which the server refused.
alert() { shake "$@" | sed -nE 's/.*:(tlsv1|sslv3|tlsv13)? ?alert ([a-z ]+):.*/\2/p' | head -n 1; }

# asks FLAGS...: one request on a connection that the server then closes.
asks() {
  printf 'GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n' | client -ign_eof "$@"
}

# subject FLAGS...: whose certificate the server shows.
subject() { shake "$@" | sed -nE 's/^subject=CN ?= ?(.*)/\1/p'; }

certify one.example
certify two.example
spawn "$SSE_CHAT_BIN" --listen https://127.0.0.1:0 --log-level warn --allowed-host one.example \
  --tls-cert "$work/one.example.pem" --tls-key "$work/one.example.key" \
  --tls-cert "$work/two.example.pem" --tls-key "$work/two.example.key"

# ---- versions and ciphers
for version in tls1 tls1_1; do
  # Such a client also lacks what TLS 1.2 requires, which may be seen first.
  equal "$version is refused" refused \
    "$(alert "-$version" -cipher 'ALL:@SECLEVEL=0' | sed -E 's/^(protocol version|handshake failure)$/refused/')"
done
equal 'TLS 1.2 is taken' 'New, TLSv1.2' "$(agreed -tls1_2)"
equal 'TLS 1.3 is taken' 'New, TLSv1.3' "$(agreed -tls1_3)"
equal 'TLS 1.3 is preferred' 'New, TLSv1.3' "$(agreed)"
equal 'weak ciphers are refused' 'handshake failure' "$(alert -tls1_2 -cipher "$weak")"
for cipher in ECDHE-ECDSA-AES128-GCM-SHA256 ECDHE-ECDSA-CHACHA20-POLY1305; do
  equal "$cipher is taken" 'New, TLSv1.2' "$(agreed -tls1_2 -cipher "$cipher")"
done
equal 'no compression' 1 "$(shake -tls1_2 | grep -c '^Compression: NONE')"
equal 'renegotiation info is sent' 1 "$(shake -tls1_2 | grep -c '^Secure Renegotiation IS supported')"

# ---- renegotiation
mkfifo "$work/typed"
exec 8<>"$work/typed"
echo R >&8
equal 'renegotiation is refused' 1 \
  "$(client -tls1_2 <"$work/typed" | grep -c 'no renegotiation')"
exec 8>&-

# ---- tickets
for version in tls1_2 tls1_3; do
  asks "-$version" -sess_out "$work/session" >/dev/null
  equal "$version: a session is resumed" Reused "$(asks "-$version" -sess_in "$work/session" | grep -o -m 1 '^Reused')"
done

# ---- ALPN
alpn() { shake "$@" | sed -nE 's/^(ALPN protocol: |No ALPN)/\1/p'; }
equal 'HTTP/2 is preferred' 'ALPN protocol: h2' "$(alpn -alpn http/1.1,h2)"
equal 'HTTP/1.1 alone' 'ALPN protocol: http/1.1' "$(alpn -alpn http/1.1)"
equal 'no ALPN' 'No ALPN negotiated' "$(alpn)"
equal 'an unknown protocol is refused' 'no application protocol' "$(alert -alpn smtp)"

# ---- names
equal 'the first name' one.example "$(subject -servername one.example)"
equal 'the second name' two.example "$(subject -servername two.example)"
equal 'no name: the first pair' one.example "$(subject -noservername)"

# ---- bytes that are no TLS
equal 'clear HTTP on a port of TLS gets no answer of HTTP' '' \
  "$(curl --silent --max-time "$deadline" --http0.9 "http://127.0.0.1:$port/healthz" | grep -a HTTP || true)"
equal 'and the server goes on' ok "$(curl --silent --max-time "$deadline" --cacert "$work/one.example.pem" "$url/healthz")"

# ---- the end of a stream
mkfifo "$work/typed-2"
exec 8<>"$work/typed-2"
printf 'GET /rooms/lobby/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n' >&8
exec 9< <(client -ign_eof <"$work/typed-2")
reader=$!
children[$reader]=reader
until_line() {
  local line
  while read -r -t "$deadline" line <&9; do
    [[ $line == *"$1"* ]] && return
  done
  die "no line with $1"
}
until_line 'event: hello'
kill -TERM "$server"
until_line 'event: bye'
# OpenSSL calls the end of a connection without close_notify an error.
equal 'after bye comes close_notify' closed "$(tr -d '\r' <&9 | grep -E '^closed$|unexpected eof')"
wait "$server" || die "the server ended with $?"
unset "children[$server]"

echo "tls.sh: $checks checks passed"
