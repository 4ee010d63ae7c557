# lab-bootc: the lab distribution as an image of a container that boots: an OCI layout of two layers, with its kernel and
# initramfs below /usr/lib/modules and nothing in /boot.
# shellcheck shell=bash

recipe_files() {
  echo variants/lab-bootc.sh
  (cd "$LAB" && find bootc -type f)
  derived_files
}

# shellcheck source=../lib/derived.sh
. "$LAB/lib/derived.sh"

build_variant() {
  local root=$WORK/root kernel
  step "unpack the lab image" unpack_lab "$root"
  kernel=$(kernel_release "$root")
  step "give it the shape of a bootc image" bootc_shape "$root" "$kernel"
  step "pack the layers" bootc_layers "$root"
  derived_manifest "$kernel" '"none: its own kernel, loaded by QEMU"' '"nocloud"' >"$WORK/result/manifest.json"
}

# bootc_shape ROOT KERNEL: bootc, "Filesystem" and "Kernel": one kernel below /usr/lib/modules, /boot empty, the boot loader's
# files below /usr/lib/efi, the rpm database in /usr/share/rpm.
bootc_shape() {
  local root=$1 kernel=$2
  mv "$root/boot/vmlinuz-$kernel" "$root/usr/lib/modules/$kernel/vmlinuz"
  mv "$root/boot/initrd.img-$kernel" "$root/usr/lib/modules/$kernel/initramfs.img"
  mkdir -p "$root/usr/lib/efi/shim/1/EFI/BOOT" "$root/usr/lib/efi/grub2/1/EFI/debian"
  cp "$root/usr/lib/shim/shimx64.efi.signed" "$root/usr/lib/efi/shim/1/EFI/BOOT/BOOTX64.EFI"
  cp "$root/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed" "$root/usr/lib/efi/grub2/1/EFI/debian/grubx64.efi"
  find "$root/boot" -mindepth 1 -delete
  : >"$root/etc/fstab"
  mv "$root/var/lib/rpm" "$root/usr/share/rpm"
  ln -s ../../usr/share/rpm "$root/var/lib/rpm"
  echo '%_dbpath /usr/share/rpm' >"$root/usr/lib/rpm/macros.d/macros.bootc"
  chroot "$root" rpm -q rpm >/dev/null || die "rpm does not find its database in /usr/share/rpm" "see bootc_shape in images/lab/variants/lab-bootc.sh"
}

# bootc_layers ROOT: the second layer hides a file of the first, and adds one.
bootc_layers() {
  local root=$1 second=$WORK/second
  echo "hidden by the second layer" >"$root/usr/share/lab-first-layer"
  mkdir -p "$second/usr/share"
  : >"$second/usr/share/.wh.lab-first-layer"
  echo "of the second layer" >"$second/usr/share/lab-second-layer"
  bootc_tar "$root" "$WORK/1.tar"
  bootc_tar "$second" "$WORK/2.tar"
  python3 -B "$LAB/bootc/layout.py" "$WORK/layout.tar" "$WORK/1.tar" "$WORK/2.tar"
  zstd -q -T2 -1 "$WORK/layout.tar" -o "$WORK/result/root.tar.zst"
}

bootc_tar() {
  tar -c -C "$1" --sort=name --numeric-owner --xattrs --one-file-system --format=posix \
    --pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime . >"$2"
}
