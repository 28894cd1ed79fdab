#!/usr/bin/env bash
# Builds the server as one file that needs no other, and writes its path as the
# last line. The Dockerfile uses it, and tests/real/packaging.sh tries the result.
set -euo pipefail
cd "$(dirname "$0")/.."

# A target that is named keeps the flags away from build scripts and macros,
# which the compiler loads and which therefore can't be static.
target=$(rustc --print host-tuple)
RUSTFLAGS='-C target-feature=+crt-static' \
  cargo build --profile dist --locked --bin sse-chat --target "$target" >&2
echo "${CARGO_TARGET_DIR:-target}/$target/dist/sse-chat"
