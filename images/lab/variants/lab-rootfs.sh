# lab-rootfs: the lab distribution as a tar of its root, as WSL takes it, with a kernel beside it to boot it by.
# shellcheck shell=bash

recipe_files() {
  echo variants/lab-rootfs.sh
  (cd "$LAB" && find rootfs -type f)
  derived_files
}

# shellcheck source=../lib/derived.sh
. "$LAB/lib/derived.sh"
# shellcheck source=../rpm-distribution/configure.sh
. "$LAB/rpm-distribution/configure.sh"

# What WSL does itself, or does before and would have undone: the network, names, the console, /tmp and the devices.
ROOTFS_MASKED=(
  systemd-networkd.service systemd-networkd.socket systemd-networkd-wait-online.service systemd-resolved.service
  console-getty.service tmp.mount
  systemd-tmpfiles-setup.service systemd-tmpfiles-setup-dev.service systemd-tmpfiles-setup-dev-early.service
  systemd-tmpfiles-clean.service systemd-tmpfiles-clean.timer
)

build_variant() {
  local root=$WORK/root kernel
  step "unpack the lab image" unpack_lab "$root"
  kernel=$(kernel_release "$root")
  step "make the stand-in's initramfs" rootfs_initramfs "$root" "$kernel"
  step "leave kernel and boot loader out" rootfs_remove "$root"
  step "make it a distribution for WSL" rootfs_wsl "$root"
  step "pack" rootfs_pack "$root"
  derived_manifest "$kernel" '"none: direct kernel boot"' '"nocloud"' >"$WORK/result/manifest.json"
}

# rootfs_initramfs ROOT KERNEL: it also plays the part of WSL, which brings the network up from outside.
rootfs_initramfs() {
  cp -r "$LAB/rootfs/initramfs/." "$1/etc/initramfs-tools/"
  chmod 755 "$1"/etc/initramfs-tools/scripts/init-bottom/wsl-network
  # It asks dpkg, which is gone, for the architecture, and nothing here wants to know.
  chroot "$1" update-initramfs -u -k "$2" >"$WORK/initramfs.log" 2>&1 ||
    { cat "$WORK/initramfs.log" >&2; die "the initramfs could not be made" "the lines above are from update-initramfs"; }
  mv "$1/boot/vmlinuz-$2" "$WORK/result/vmlinuz"
  mv "$1/boot/initrd.img-$2" "$WORK/result/initrd.img"
}

# rootfs_remove ROOT: what boots a machine and what only serves that. What they leave behind goes too.
rootfs_remove() {
  local root=$1 kernel
  kernel=$(kernel_release "$root")
  chroot "$root" rpm -e --noscripts grub-efi-amd64-signed mokutil shim-signed shim-signed-common \
    linux-image-cloud-amd64 "linux-image-$kernel" linux-base initramfs-tools initramfs-tools-core initramfs-tools-bin \
    dracut-install klibc-utils libklibc 2>"$WORK/remove.log" ||
    { tail -n 20 "$WORK/remove.log" >&2; die "rpm could not remove kernel and boot loader" "the lines above name what needs them"; }
  rm -rf "${root:?}/boot" "$root/usr/lib/modules/$kernel" "$root"/{etc,var/lib}/initramfs-tools
  mkdir "$root/boot"
}

# rootfs_wsl ROOT: another identity in the place of the machine's, and what WSL asks of a distribution beside it.
rootfs_wsl() {
  local root=$1
  change_packages "$root" "the identity could not be changed" \
    'rpm -e --nodeps lab-release-identity-basic && rpm -i --quiet /srv/repo/extra/lab-release-identity-wsl-[0-9]*.rpm'
  systemctl_in_root "$root" preset systemd-networkd.service systemd-networkd.socket systemd-networkd-wait-online.service \
    systemd-network-generator.service systemd-resolved.service systemd-timesyncd.service
  systemctl_in_root "$root" mask "${ROOTFS_MASKED[@]}"
  # WSL writes the one and has no use for the other: the disk it makes of the tar is mounted by nobody else.
  rm -f "$root/etc/resolv.conf"
  : >"$root/etc/fstab"
  verify_rpms "$root" '^.{9}  ?c? ?/etc/fstab$|^missing +c? /etc/resolv.conf$'
}

rootfs_pack() {
  tar -c -C "$1" --sort=name --numeric-owner --xattrs --one-file-system --format=posix \
    --pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime . | zstd -q -T2 -6 -o "$WORK/result/root.tar.zst"
}
