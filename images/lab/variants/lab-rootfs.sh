# lab-rootfs: the lab distribution as a tar of its root, as for WSL or a container layer, with a kernel beside it to boot it by.
# shellcheck shell=bash

recipe_files() {
  echo variants/lab-rootfs.sh
  derived_files
}

# shellcheck source=../lib/derived.sh
. "$LAB/lib/derived.sh"

build_variant() {
  local root=$WORK/root
  step "unpack the lab image" unpack_lab "$root"
  step "leave the boot loader out" rootfs_change "$root"
  step "pack" rootfs_pack "$root"
  derived_manifest "$(kernel_release "$root")" '"none: direct kernel boot"' '"nocloud", "systemd-credentials"' >"$WORK/result/manifest.json"
}

rootfs_change() {
  local root=$1 kernel
  kernel=$(kernel_release "$root")
  cp "$root/boot/vmlinuz-$kernel" "$WORK/result/vmlinuz"
  mv "$root/boot/initrd.img-$kernel" "$WORK/result/initrd.img"
  chroot "$root" rpm -e grub-efi-amd64-signed mokutil shim-signed shim-signed-common
  rmdir "$root/boot/efi"
  # Where it lands there is no EFI partition, and nobody knows the label: the root is what the kernel was told.
  : >"$root/etc/fstab"
  verify_rpms "$root" '^.{9}  ?c? ?/etc/fstab$'
}

rootfs_pack() {
  tar -c -C "$1" --sort=name --numeric-owner --xattrs --one-file-system --format=posix \
    --pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime . | zstd -q -T2 -6 -o "$WORK/result/root.tar.zst"
}
