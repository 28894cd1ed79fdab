#!/usr/bin/env bash
# Makes the pictures that the README shows, from the page as it is: a server,
# people who talk, and Debian's Chromium (`bash tests/run.sh install`, and
# `npm ci --prefix tests/real`).
#
#   cargo build --release && bash docs/pictures/make.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
target=${CARGO_TARGET_DIR:-target}
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
SSE_CHAT_BIN=$(cd "$target/release" && pwd)/sse-chat
export SSE_CHAT_BIN
node tests/real/pictures.mjs "$made"
for picture in desktop-light desktop-dark desktop-chinese phone-dark phone-rooms phone-first-visit reconnecting; do
  cp "$made/$picture.png" docs/pictures/
done
