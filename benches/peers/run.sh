#!/usr/bin/env bash
# The same work on sse-chat and on other servers, in one go: installs what is
# missing, builds everything, measures, and writes benches/runs/<date>/.
#
#   bash benches/peers/run.sh            all of it: about 40 minutes
#   bash benches/peers/run.sh --quick    a smoke test: less than a minute
#   bash benches/peers/run.sh --help     what else there is
set -euo pipefail
cd "$(dirname "$0")/../.."
# Nothing may wait for somebody to type.
exec </dev/null
export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-never}

have() { command -v "$1" >/dev/null 2>&1; }

have_node() {
  have npm && have node && node -e 'process.exit(parseInt(process.versions.node, 10) >= 18 ? 0 : 1)'
}

# The packages that are missing, by their Debian names.
missing_packages() {
  have nginx || [ -x /usr/sbin/nginx ] || echo nginx-light
  [ -e /usr/lib/nginx/modules/ngx_nchan_module.so ] || echo libnginx-mod-nchan
  have_node || echo nodejs npm
  have openssl || echo openssl
  have taskset || echo util-linux
  have cc || echo gcc libc6-dev
  have make || echo make
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

install_missing() {
  have cargo || { echo 'cargo is missing: install Rust from https://rustup.rs' >&2; return 1; }
  local packages
  read -r -d '' -a packages < <(missing_packages; printf '\0')
  [ "${#packages[@]}" -ne 0 ] || return 0
  echo "missing: ${packages[*]}" >&2
  have apt-get || { echo "no apt-get here: install by hand: ${packages[*]}" >&2; return 1; }
  as_root apt-get -qq update
  # A service that starts by itself would only disturb what is measured.
  as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
    apt-get -qq install --yes --no-install-recommends -o Dpkg::Use-Pty=0 "${packages[@]}" >/dev/null
  read -r -d '' -a packages < <(missing_packages; printf '\0')
  if [ "${#packages[@]}" -ne 0 ]; then
    echo "still missing after the install: ${packages[*]}" >&2
    return 1
  fi
}

install_missing
npm ci --prefix benches/peers/better-sse --no-audit --no-fund --loglevel=error >&2
# The figures are of what is packaged.
if [ -z "${SSE_CHAT_BIN:-}" ]; then
  cargo build --profile dist --locked
  SSE_CHAT_BIN=${CARGO_TARGET_DIR:-target}/dist/sse-chat
fi
export SSE_CHAT_BIN
cargo build --release --locked --manifest-path benches/peers/Cargo.toml
# In place of this shell, so that a signal reaches it: it ends its servers itself.
exec "${CARGO_TARGET_DIR:-benches/peers/target}/release/peers" "$@"
