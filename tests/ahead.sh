#!/usr/bin/env bash
# What tests/run.sh has done in the background, in the order in which it needs it. The
# exit status of each part is in target/ahead. Only that of fuzzing counts: the steps of
# the other parts build again what is missing.
#
#   bash tests/ahead.sh rust   what the Rust steps need
#   bash tests/ahead.sh all    what the real programs need, as well
set -uo pipefail
cd "$(dirname "$0")/.." || exit

# part NAME COMMAND...
part() {
  local name=$1
  shift
  "$@"
  echo $? >"target/ahead/$name"
}

fuzz() { bash fuzz/run.sh 2 >target/fuzz.log 2>&1; }

part fuzz fuzz
part machete bash tests/machete.sh install
[ "$1" = all ] || exit 0
part release cargo build --release --locked
part static bash tests/real/static_build.sh
part peers cargo build --release --locked --manifest-path benches/peers/Cargo.toml
