# Running programs of a tree of packages that were unpacked and not installed.
# shellcheck shell=bash

# loader FROM ARGUMENT...: the extracted tree's own dynamic loader, to run its programs with its libraries.
loader() {
  local libraries=$1/usr/lib/x86_64-linux-gnu
  shift
  "$libraries/ld-linux-x86-64.so.2" --library-path "$libraries" "$@"
}
