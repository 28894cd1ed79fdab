#!/usr/bin/env bash
# Has libFuzzer play each property (src/properties) over bytes that it makes up,
# beginning with the corpus. What it found stays for the next time.
#
#   bash fuzz/run.sh                    each target for 20 seconds
#   bash fuzz/run.sh SECONDS            each for so long
#   bash fuzz/run.sh SECONDS TARGET...  these alone
#   bash fuzz/run.sh keep               adds what was found to the corpus
set -euo pipefail
cd "$(dirname "$0")"
# Nothing may wait for somebody to type.
exec </dev/null
export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-never}

# No input is longer: what is longer says nothing new.
max_bytes=512
target_dir=${CARGO_TARGET_DIR:-$PWD/target}
triple=$(rustc -vV | sed -n 's/^host: //p')

# Coverage as `cargo fuzz` asks for it, without a sanitizer: there is no unsafe
# code to find out about, and so the stable compiler will do. With --target,
# build scripts and macros are built without it.
build() {
  command -v c++ >/dev/null || { echo 'a C++ compiler is missing' >&2; return 1; }
  local pass=-Cllvm-args=-sanitizer-coverage
  RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module $pass-level=4 $pass-inline-8bit-counters \
$pass-pc-table $pass-trace-compares" \
    cargo build --release --locked --target "$triple"
}

targets() {
  local file
  for file in fuzz_targets/*.rs; do basename "$file" .rs; done
}

# fuzz TARGET ARGUMENT...
fuzz() {
  local name=$1
  shift
  mkdir -p "artifacts/$name" "$target_dir/found/$name"
  "$target_dir/$triple/release/$name" -artifact_prefix="artifacts/$name/" \
    -max_len="$max_bytes" -timeout=10 -rss_limit_mb=1024 "$@"
}

# The folder that comes first takes what is found. Of what libFuzzer has to say
# only its last line is of interest, unless it found something.
run() {
  local log=$target_dir/found/$1.log
  mkdir -p "$target_dir/found"
  if ! fuzz "$1" -max_total_time="$seconds" "$target_dir/found/$1" "corpus/$1" >"$log" 2>&1; then
    tail -n 60 "$log" >&2
    return 1
  fi
  echo "$1: $(grep -w DONE "$log" | tr -s '\t ' ' ')"
}

keep() { fuzz "$1" -merge=1 -use_counters=0 "corpus/$1" "$target_dir/found/$1"; }

seconds=${1:-20}
case "$seconds" in
  keep) each=keep ;;
  *[!0-9]* | '')
    sed -n '5,8s/^# *//p' run.sh >&2
    exit 2
    ;;
  *) each=run ;;
esac
shift || true
if [ "$#" -eq 0 ]; then
  read -r -d '' -a all < <(targets; printf '\0')
  set -- "${all[@]}"
fi
build
for name in "$@"; do "$each" "$name"; done
