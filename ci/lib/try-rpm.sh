# Runs in a guest of the lab image, by ci/try-packages: installs /tmp/muster.rpm, uses what it brings, and removes it.
# The argument is what `muster --version` must print; /tmp/names has what it depends on by Fedora's names.
# shellcheck shell=sh
set -eu
export MUSTER_CACHE=/tmp/cache LC_ALL=C.UTF-8

fail() { printf 'try-rpm: %s\n' "$*" >&2; exit 1; }
traces() { find / -xdev \( -path /proc -o -path /tmp -o -path /run \) -prune -o -iname '*muster*' -print | sort; }

rpm -K --nosignature /tmp/muster.rpm
# What does not resolve must be among the names of Fedora. Libraries, the loader and rpm's own features are none of them.
rpm -i --test --nosignature /tmp/muster.rpm >/tmp/test.txt 2>&1 || true
sed -n 's/^[[:space:]]*\([^ ]*\).* is needed by muster.*/\1/p' /tmp/test.txt | sort -u >/tmp/unresolved
printf 'not resolved here: %s\n' "$(tr '\n' ' ' </tmp/unresolved)"
[ -s /tmp/unresolved ] || { cat /tmp/test.txt; fail "nothing is said of dependencies"; }
sort -u /tmp/names >/tmp/sorted-names
other=$(comm -23 /tmp/unresolved /tmp/sorted-names)
[ -z "$other" ] || fail "these are no names of the table: $other"
rpm -qp --requires --nosignature /tmp/muster.rpm | grep -q '^libssl' || fail "it does not say that it needs OpenSSL"

traces >/tmp/before
rpm -i --nodeps --nosignature /tmp/muster.rpm
rpm -V --nodeps muster
rpm -ql muster | while read -r file; do [ -e "$file" ] || fail "$file is not there"; done
[ "$(muster --version)" = "$1" ] || fail "it says $(muster --version), and not $1"
muster check
muster list | grep -q kernel/release || fail "the shipped suites are not there"
rpm -e muster
traces >/tmp/after
cmp /tmp/before /tmp/after || { diff /tmp/before /tmp/after; fail "something is left behind"; }
printf 'nothing is left\n'
