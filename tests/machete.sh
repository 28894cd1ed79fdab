#!/usr/bin/env bash
# Finds dependencies that no code uses, by cargo-machete, which it installs below target.
#
#   bash tests/machete.sh FOLDER    checks all packages below FOLDER
#   bash tests/machete.sh install   only installs it
set -euo pipefail
cd "$(dirname "$0")/.."

machete=target/tools/bin/cargo-machete
version=0.9.2

# A build without optimization is ready in half the time, and runs for some seconds.
if [ "$("$machete" --version 2>/dev/null || true)" != "$version" ]; then
  CARGO_PROFILE_DEV_DEBUG=0 \
    cargo install --quiet --locked --debug --root target/tools "cargo-machete@$version"
fi
[ "$1" = install ] || exec "$machete" "$1"
