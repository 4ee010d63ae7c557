# Runs in a new Debian root, by ci/try-packages: installs /tmp/muster.deb, uses what it brings, and removes it.
# The first argument is what `muster --version` must print, the second the backports without which apt must refuse; empty where
# none are needed.
# shellcheck shell=sh
set -eu
export DEBIAN_FRONTEND=noninteractive MUSTER_CACHE=/tmp/cache LC_ALL=C.UTF-8

fail() { printf 'try-deb: %s\n' "$*" >&2; exit 1; }
# What has muster in its name, apart from what this test brought and from pages that man has formatted for itself.
traces() { find / -xdev \( -path /proc -o -path /tmp -o -path /var/cache/man \) -prune -o -iname '*muster*' -print; }

[ -z "$(traces)" ] || fail "something of muster is there before: $(traces)"
apt-get -qq update
if [ -n "$2" ]; then
  # It names the version that is lacking.
  ! apt-get -y --no-install-recommends install /tmp/muster.deb >/tmp/apt.log 2>&1 || fail "apt installs it without $2"
  grep -q 'qemu.*(>= ' /tmp/apt.log || { cat /tmp/apt.log; fail "apt does not say which QEMU it lacks"; }
  set -- "$1" "--target-release=$2"
fi
# Its dependencies come by apt alone.
# shellcheck disable=SC2086  # no option at all where it is empty
apt-get -qq -y $2 --no-install-recommends install /tmp/muster.deb >/tmp/apt.log 2>&1 || { tail -n 40 /tmp/apt.log; fail "apt cannot install it"; }
dpkg --verify muster
dpkg --listfiles muster | while read -r file; do [ -e "$file" ] || fail "$file is not there"; done
! ldd /usr/bin/muster | grep 'not found' || fail "a library is missing"

[ "$(muster --version)" = "$1" ] || fail "it says $(muster --version), and not $1"
muster check
muster list | grep -q kernel/release || fail "the shipped suites are not there"
# 3: this root has no more than apt brought; what a run needs is among it.
muster doctor >/tmp/doctor.txt || [ $? -eq 3 ]
cat /tmp/doctor.txt
qemu-system-x86_64 --version | head -n 1
qemu-img --version >/dev/null

for page in muster muster-run muster-boot-time; do
  MANPAGER='cat' man "$page" | grep -q "$page" || fail "no manual page $page"
done
[ "$(ls /usr/share/man/man1/muster*.1.gz | wc -l)" -gt 30 ] || fail "manual pages are missing"

bash -c '
  . /usr/share/bash-completion/bash_completion
  if declare -F _comp_load >/dev/null; then _comp_load muster; else __load_completion muster; fi
  complete -p muster
  COMP_WORDS=(muster boot-) COMP_CWORD=1 COMP_LINE="muster boot-" COMP_POINT=12
  "$(complete -p muster | sed "s/.*-F \([^ ]*\).*/\1/")" muster boot- muster
  printf "%s\n" "${COMPREPLY[@]}"' | grep -qx boot-time || fail "bash completes nothing"
zsh -fc '
  autoload -Uz compinit && compinit -u -d /tmp/zcompdump
  [ "$_comps[muster]" = _muster ] && autoload -Uz +X _muster' || fail "zsh completes nothing"

for file in copyright third-party-licences.txt muster.cdx.json docs/installation.md LICENSE-MIT LICENSE-APACHE; do
  [ -s "/usr/share/doc/muster/$file" ] || fail "no $file"
done

apt-get -qq -y purge muster >/tmp/apt.log 2>&1 || { cat /tmp/apt.log; fail "apt cannot remove it"; }
[ -z "$(traces)" ] || fail "left behind: $(traces)"
printf 'nothing is left\n'
