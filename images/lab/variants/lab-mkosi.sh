# lab-mkosi: Debian as mkosi makes a disk of it: systemd-boot, one unified kernel with systemd in its initrd, no /etc/fstab.
# shellcheck shell=bash

recipe_files() {
  echo variants/lab-mkosi.sh
  foreign_files
  (cd "$LAB" && find foreign/mkosi -type f)
}

# shellcheck source=../lib/foreign.sh
. "$LAB/lib/foreign.sh"
# shellcheck source=../lib/debian.sh
. "$LAB/lib/debian.sh"

# mkosi and what it runs, from the same release: the host's own may be too old or not there.
MKOSI_TOOLS=mkosi,apt,systemd-repart,systemd-ukify,systemd-boot,python3-pefile,dosfstools,e2fsprogs,mtools,cpio,zstd,kmod,binutils,uidmap,debian-archive-keyring,ca-certificates

build_variant() {
  local tools=$WORK/tools
  step "install mkosi" debian_root "$tools" minbase "$MKOSI_TOOLS"
  step "run mkosi" mkosi_disk "$tools"
  mv "$tools"/out/disk.raw "$WORK/result/disk.raw"
  foreign_manifest "$(sed -n 's/.*Setting up linux-image-\([0-9][^ ]*\) .*/\1/p' "$WORK/mkosi.log" | head -n1)" '"uefi"' >"$WORK/result/manifest.json"
}

# mkosi_disk TOOLS: runs mkosi with TOOLS as its root. pivot_root and not chroot: mkosi makes namespaces of its own, which the kernel
# refuses a process in a chroot. Loop devices are not needed, systemd-repart writes into the file.
mkosi_disk() {
  local tools=$1 mirror
  mkdir -p "$tools"/{src,out,old}
  cp -r "$LAB/foreign/mkosi/." "$tools/src/"
  mkdir -p "$tools/src/mkosi.conf.d"
  cp -r --no-preserve=mode,ownership "$LAB/foreign/extra" "$tools/src/mkosi.extra"
  printf '[Content]\nPackages=%s\n' "$(IFS=, && echo "${FOREIGN_PACKAGES[*]}")" >"$tools/src/mkosi.conf.d/packages.conf"
  mirror=$(debian_mirror)
  [ -n "$mirror" ] || die "this host's apt names no archive of Debian" "mkosi is given the mirror of the host: build this variant on Debian"
  # Its own default takes a second archive, of debug symbols, which a mirror need not have.
  mkdir -p "$tools/src/mkosi.sandbox/etc/apt/sources.list.d"
  printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n' "$mirror" "$DEBIAN_RELEASE" \
    /usr/share/keyrings/debian-archive-keyring.gpg >"$tools/src/mkosi.sandbox/etc/apt/sources.list.d/mkosi.sources"
  if command -v apt-config >/dev/null; then
    mkdir -p "$tools/src/mkosi.sandbox/etc/apt/apt.conf.d"
    apt-config dump --no-empty Acquire::http::Proxy Acquire::https::Proxy >"$tools/src/mkosi.sandbox/etc/apt/apt.conf.d/proxy.conf" 2>/dev/null || true
  fi
  cp /etc/resolv.conf "$tools/etc/resolv.conf"
  # shellcheck disable=SC2016  # for the inner shell
  unshare --mount --propagation private bash -euc '
    mount --bind "$1" "$1"
    mount -t proc proc "$1/proc"
    mount --rbind /sys "$1/sys"
    mount --rbind /dev "$1/dev"
    mount -t tmpfs tmpfs "$1/tmp"
    mount -t tmpfs tmpfs "$1/run"
    cd "$1"
    pivot_root . old
    umount -l /old
    cd /src
    exec env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin TMPDIR=/var/tmp mkosi --output-directory /out --force build
  ' mkosi "$tools" </dev/null >"$WORK/mkosi.log" 2>&1 || {
    tail -n 40 "$WORK/mkosi.log" >&2
    die "mkosi could not make the disk" "the lines above are mkosi's; it needs root, mount namespaces and the Debian archive"
  }
}
