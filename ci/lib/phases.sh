# Phases of a script: one after the other, each with its name and its seconds, and some next to the others.
# shellcheck shell=bash

# begin_phases FILE DIR: seconds go to FILE, one line a phase; DIR is for what phases leave, and is removed at the end.
begin_phases() {
  PHASES_FILE=$1 PHASES_DIR=$2 PHASES_BEGUN=$SECONDS
  declare -gA PHASES_LATER=()
  mkdir -p "$(dirname "$PHASES_FILE")"
  : >"$PHASES_FILE"
  trap leave_phases EXIT
}

# phase NAME COMMAND...: runs it, and ends the script when it fails.
phase() {
  local name=$1 begun=$SECONDS status=0
  shift
  printf '\n== %s\n' "$name"
  "$@" || status=$?
  printf '== %s: %d s\n' "$name" $((SECONDS - begun))
  printf '%s\t%d\n' "$name" $((SECONDS - begun)) >>"$PHASES_FILE"
  [ "$status" -eq 0 ] || { printf '\n%s: failed in: %s (exit %d)\n' "$0" "$name" "$status" >&2; exit "$status"; }
}

# later NAME COMMAND...: begins it and goes on; its output is kept until join.
later() {
  local name=$1
  shift
  # A process group of its own, so that all of it can be ended.
  set -m
  { trap - EXIT; phase "$name" "$@"; } >"$PHASES_DIR/$name.log" 2>&1 </dev/null &
  PHASES_LATER[$name]=$!
  set +m
}

# join NAME: waits for what was begun, shows what it printed, and ends the script when it failed.
join() {
  local status=0
  wait "${PHASES_LATER[$1]}" || status=$?
  unset "PHASES_LATER[$1]"
  cat "$PHASES_DIR/$1.log"
  [ "$status" -eq 0 ] || exit "$status"
}

leave_phases() {
  local status=$? name
  trap - EXIT
  for name in "${!PHASES_LATER[@]}"; do
    kill -TERM -- "-${PHASES_LATER[$name]}" 2>/dev/null || true
    wait "${PHASES_LATER[$name]}" 2>/dev/null || true
    printf '\n%s: `%s` was ended; it had printed:\n' "$0" "$name" >&2
    tail -n 20 "$PHASES_DIR/$name.log" >&2 || true
  done
  rm -rf "$PHASES_DIR"
  exit "$status"
}

# end_phases: how long all of it took.
end_phases() {
  local took=$((SECONDS - PHASES_BEGUN))
  printf 'all of it\t%d\n' "$took" >>"$PHASES_FILE"
  printf '\n%s: passed in %d s\n' "$0" "$took"
}
