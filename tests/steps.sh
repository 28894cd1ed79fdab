# The steps of a test run, for `tests/run.sh` to source. A step that fails does
# not end the run: `finish_run` lists every failed step and exits with 1.

passed=0
# One line for each failed step.
failures=()
# One line for each thing that this machine could not check.
unchecked=()
current='before the first step'

# begin NAME: prints the name of what runs now.
begin() {
  current=$1
  echo "== $current (after $SECONDS s)"
}

# step NAME COMMAND...: runs the command and records its result.
#
# Bash ignores `set -e` in here, so a function that is passed as COMMAND joins
# its commands with `&&`.
step() {
  local name=$1 status=0
  begin "$name"
  shift
  "$@" || status=$?
  if [ "$status" -eq 0 ]; then
    passed=$((passed + 1))
  else
    record_failure "$name" "exit status $status"
  fi
  return "$status"
}

# record_failure NAME REASON
record_failure() {
  failures+=("$1 ($2)")
  echo "FAILED: $1 ($2)"
}

# not_run REASON NAME...: counts steps as failed that can't be run.
not_run() {
  local reason=$1 name
  shift
  for name in "$@"; do record_failure "$name" "not run: $reason"; done
}

# not_checked REASON NAME: for what a run can do without. It is no failure, and
# the result of the run names it.
not_checked() {
  unchecked+=("$2 ($1)")
  echo "NOT CHECKED: $2 ($1)"
}

# Prints the result of the run and exits: 0 if every step passed, otherwise 1.
finish_run() {
  trap - EXIT
  local failure check total
  for check in "${unchecked[@]}"; do echo "NOT CHECKED: $check"; done
  if [ "${#failures[@]}" -ne 0 ]; then
    echo "== failed after $SECONDS s:"
    for failure in "${failures[@]}"; do echo "FAILED: $failure"; done
  fi
  total="$passed passed, ${#failures[@]} failed"
  [ "${#unchecked[@]}" -eq 0 ] || total+=", ${#unchecked[@]} not checked"
  echo "$total"
  [ "${#failures[@]}" -eq 0 ] || exit 1
  exit 0
}

# For an EXIT trap: a run that ends before `finish_run` has failed.
run_ended_early() {
  local status=$?
  record_failure "$current" "the run ended here, exit status $status"
  finish_run
}
