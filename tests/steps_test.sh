#!/usr/bin/env bash
# Tests of tests/steps.sh: a failed step hides no other one.
set -euo pipefail
cd "$(dirname "$0")"

work=$(mktemp -d)
export work
trap 'rm -rf "$work"' EXIT

# run SCRIPT: runs steps in a shell of their own; sets `output` and `status`.
run() {
  status=0
  output=$(bash -c "set -uo pipefail; source ./steps.sh; trap run_ended_early EXIT; $1" 2>&1) || status=$?
}

# expect STATUS LAST_LINE TITLE
expect() {
  local last=${output##*$'\n'}
  if [ "$status" -ne "$1" ] || [ "$last" != "$2" ]; then
    echo "$3: exit status $status, last line '$last', all of it:" >&2
    echo "$output" >&2
    exit 1
  fi
}

# expect_line LINE
expect_line() {
  grep -qxF -- "$1" <<<"$output" || { echo "no line '$1' in:" >&2; echo "$output" >&2; exit 1; }
}

run 'step one true; step two true; finish_run'
expect 0 '2 passed, 0 failed' 'a run without failures passes'

run 'step one false; step two true; step three bash -c "exit 7"; step four true; finish_run'
expect 1 '2 passed, 2 failed' 'a run goes on after a failed step'
expect_line 'FAILED: one (exit status 1)'
expect_line 'FAILED: three (exit status 7)'

run 'step one true; not_run "no binary" two three; finish_run'
expect 1 '1 passed, 2 failed' 'a step that can not be run has failed'
expect_line 'FAILED: three (not run: no binary)'

run 'step one true; not_checked "no compiler" two; step three true; finish_run'
expect 0 '2 passed, 0 failed, 1 not checked' 'the result names what was not checked'
expect_line 'NOT CHECKED: two (no compiler)'

run 'mkfifo "$work/pipe"
  writes() { echo begins; echo text >"$work/pipe"; echo ends; touch "$work/ended"; }
  reads() { cat "$work/pipe"; touch "$work/ended"; return 3; }
  step zero true; steps_at_once 2 one writes two reads three "test -e $work/ended"; step four true; finish_run'
expect 1 '4 passed, 1 failed' 'two steps run at the same time, the third one after them'
expect_line 'FAILED: two (exit status 3)'
expect_line 'text'
[[ $output == *$'\nbegins\nends\n'* ]] || { echo "the output of a step is not one piece: $output" >&2; exit 1; }

run 'step one true; begin two; exit 0'
expect 1 '1 passed, 1 failed' 'a run that ends early has failed'
expect_line 'FAILED: two (the run ended here, exit status 0)'

run 'step one true; kill -TERM $$; step two true; finish_run'
[ "$status" -ne 0 ] || { echo 'a run that is stopped by a signal has passed' >&2; exit 1; }

echo 'the steps of a run: passed'
