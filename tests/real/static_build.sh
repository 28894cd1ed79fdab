#!/usr/bin/env bash
# Builds the static binary from what .dockerignore lets through, for packaging.sh, and
# writes its path as the last line.
set -euo pipefail
cd "$(dirname "$0")/../.."

target=$(realpath -m "${CARGO_TARGET_DIR:-target}")/packaging
source=$target/source
# Files keep their times, so that what did not change is not built again.
rm -rf "$source"
mkdir -p "$source"
sed -n 's/^!//p' .dockerignore | while read -r path; do
  # shellcheck disable=SC2086 # Some are patterns.
  cp --recursive --parents --preserve=timestamps $path "$source"
done
# Optimizing it would take minutes and change nothing that is checked here.
CARGO_TARGET_DIR=$target CARGO_PROFILE_DIST_LTO=off \
  CARGO_PROFILE_DIST_CODEGEN_UNITS=16 CARGO_PROFILE_DIST_OPT_LEVEL=0 \
  bash "$source/deploy/build-static.sh"
