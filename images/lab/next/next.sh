# What makes the lab distribution lab-next: its recipe laid over that of lab, and what is configured beyond it.
# shellcheck shell=bash

NEXT=$LAB/next

# compose_recipe FOLDER: the recipe of lab with what next/ adds, replaces and leaves out.
compose_recipe() {
  local to=$1/rpm-distribution
  mkdir "$1"
  cp -r "$LAB/rpm-distribution" "$to"
  cp -r "$NEXT/overlay/." "$to/overlay/"
  grep -vxFf <(awk '!/^#/ && NF { print $1 }' "$NEXT/without") "$LAB/rpm-distribution/packages" >"$to/packages"
  cat "$NEXT/packages" >>"$to/packages"
  # dnf takes its $releasever from here.
  sed -i 's/^\(Provides: system-release.*\) = 1$/\1 = 2/' "$to/head.spec"
}

# mmdebstrap ARGUMENT...: with this host's own option for copies of an archive that are past the date until which they vouch for
# themselves, as every frozen copy of an unfinished release is; and with the names of what the release has no longer.
mmdebstrap() {
  local validity=() missing
  if command -v apt-config >/dev/null; then
    apt-config dump --no-empty Acquire::Check-Valid-Until >"$WORK/validity.conf"
    [ ! -s "$WORK/validity.conf" ] || validity=(--aptopt="$WORK/validity.conf")
  fi
  # Hooks run in their order: after this one apt refuses everything but to remove one of the two.
  # shellcheck disable=SC2016  # for the hook's shell
  command mmdebstrap "${validity[@]}" "$@" --customize-hook='
    cd "$1/var/cache/apt/archives" && APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get download firewalld &&
    chroot "$1" sh -c "dpkg --force-conflicts -i /var/cache/apt/archives/firewalld_*.deb" && rm firewalld_*.deb' && return
  # debian_root shows the last lines of this.
  missing=$(sed -nE "s/^E: (Unable to locate package|Package '([^']*)' has no installation candidate)/\1/p" "$WORK/mmdebstrap.log" | sort -u)
  [ -z "$missing" ] || printf '%s has changed: %s\n  next: choose what stands for it now, in images/lab/next/packages\n' "$DEBIAN_RELEASE" "$missing"
  return 1
}

# as_lab_expects ROOT: what has moved since the release that lab is made of, back where the recipe of lab looks for it.
as_lab_expects() {
  local root=$1 kernel
  kernel=$(kernel_release "$root")
  # The configuration of the kernel is in both places now, as one file; the recipe of lab copies it from the one to the other.
  [ ! "$root/boot/config-$kernel" -ef "$root/usr/lib/modules/$kernel/config" ] || rm "$root/usr/lib/modules/$kernel/config"
}

# list_dropped ROOT DROPPED: adds the packages that next/dropped names to the list.
list_dropped() {
  local root=$1 list=$2 pattern
  while read -r pattern; do
    chroot "$root" dpkg-query -W -f '${Package}\n' "$pattern" >>"$list" 2>/dev/null ||
      die "no package is called $pattern" "take it out of images/lab/next/dropped"
  done < <(awk '!/^#/ && NF { print $1 }' "$NEXT/dropped")
}

# configure_next ROOT
configure_next() {
  local root=$1
  # As on Fedora, whoever types dnf or yum gets dnf5.
  ln -s dnf5 "$root/usr/bin/dnf"
  ln -s dnf5 "$root/usr/bin/yum"
  # Debian's units of cloud-init come before sysinit.target, which the bus and so firewalld come after: a cycle, for which Debian
  # does not let the two be installed together. Fedora's come before the network and no more.
  sed -i '/^Before=sysinit.target$/d' "$root"/usr/lib/systemd/system/cloud-*.service
  # It would index every package that is installed, with a program that is not there.
  rm -f "$root"/usr/lib/*/libdnf5/plugins/local.so "$root/etc/dnf/libdnf5-plugins/local.conf"
  sed -i 's/muster lab 1/muster lab 2/' "$root"/etc/issue "$root/etc/issue.net"
  cp "$NEXT/policy.cil" "$root/tmp/lab.cil"
  chroot "$root" semodule -n -s default -i /tmp/lab.cil >"$WORK/semodule.log" 2>&1 || {
    tail -n 20 "$WORK/semodule.log" >&2
    die "the policy does not take the rules of lab-next" "the lines above are from semodule; the rules are in images/lab/next/policy.cil"
  }
  rm "$root/tmp/lab.cil"
}

# label_root ROOT: what the policy says each file is, as extended attributes that mkfs copies. The last step before the disk is
# made: whatever writes a file after it leaves one without a label.
label_root() {
  local root=$1 contexts=/etc/selinux/default/contexts/files/file_contexts path expected found
  [ -s "$root$contexts" ] || die "the policy was not installed: there is no $contexts" "see $WORK/mmdebstrap.log"
  chroot "$root" setfiles -F "$contexts" / >"$WORK/setfiles.log" 2>&1 || {
    tail -n 20 "$WORK/setfiles.log" >&2
    die "the files could not be labelled" "the lines above are from setfiles; the file system of the cache must take extended attributes of the class security"
  }
  # A file system that takes no such attributes may say nothing.
  while read -r path expected; do
    found=$(python3 -c 'import os, sys; print(os.getxattr(sys.argv[1], "security.selinux", follow_symlinks=False).decode().rstrip("\0"))' "$root$path")
    [[ $found = *:$expected:* ]] || die "$path is labelled '$found' and not $expected" "see label_root in images/lab/next/next.sh"
  done <<'L'
/etc/shadow shadow_t
/usr/sbin/sshd sshd_exec_t
/usr/lib/systemd/systemd init_exec_t
L
}
