# How the scripts of this directory speak: progress and errors on stderr, results on stdout.
# shellcheck shell=bash

say() { printf '%s\n' "$*" >&2; }

# die WHAT NEXT: what happened and where, then what to do about it.
die() {
  printf '%s: %s\n' "${0##*/}" "$1" >&2
  [ $# -lt 2 ] || printf '  next: %s\n' "$2" >&2
  exit "${DIE_CODE:-1}"
}

# step NAME COMMAND...: runs the command and says how many seconds it took.
step() {
  local name=$1 start=$SECONDS
  shift
  say "== $name"
  "$@"
  say "   $name: $((SECONDS - start)) s"
}
