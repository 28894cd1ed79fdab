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

# steps_at_once COUNT NAME COMMAND...: steps of which at most COUNT run at the same time.
# Each COMMAND is one argument, and is split at spaces. A step is reported when it has
# ended, with its whole output.
steps_at_once() {
  local most=$1 folder ended pid status
  # By process.
  local -A names=()
  shift
  # Not by `wait -n`, which forgets a process that ends beside another one.
  folder=$(mktemp -d) && mkfifo "$folder/ended" && exec {ended}<>"$folder/ended" || return
  while [ "$#" -gt 0 ] || [ "${#names[@]}" -gt 0 ]; do
    while [ "$#" -gt 0 ] && [ "${#names[@]}" -lt "$most" ]; do
      # shellcheck disable=SC2086 # A program and its arguments.
      keep_output "$folder" $2 &
      names[$!]=$1
      shift 2
    done
    status=0
    read -r pid <&"$ended"
    wait "$pid" || status=$?
    step "${names[$pid]}" show_output "$folder/$pid" "$status"
    unset "names[$pid]"
  done
  exec {ended}>&-
  rm -r "$folder"
}

# keep_output FOLDER COMMAND...: runs the command; its output goes to a file that is named by
# the process. Reports the process to the pipe `ended`.
keep_output() {
  local folder=$1 began=$SECONDS status=0
  shift
  exec >"$folder/$BASHPID" 2>&1
  "$@" || status=$?
  echo "it took $((SECONDS - began)) s"
  echo "$BASHPID" >"$folder/ended"
  exit "$status"
}

# show_output FILE STATUS: what a step has printed; returns its exit status.
show_output() {
  cat "$1"
  return "$2"
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
