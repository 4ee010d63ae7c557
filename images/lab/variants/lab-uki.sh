# lab-uki: the lab image as Azure Linux 4 starts where it has a unified kernel image: shim, systemd-boot in the place of grub, and
# kernel, initramfs and command line in one EFI program. Everything else is the lab image's.
# shellcheck shell=bash

# How its disk is made; what the two files define both, this one defines after it.
# shellcheck source=lab.sh
. "$LAB/variants/lab.sh"
# shellcheck source=../lib/derived.sh
. "$LAB/lib/derived.sh"
# shellcheck source=../lib/esp-disk.sh
. "$LAB/lib/esp-disk.sh"
# shellcheck source=../lib/uki.sh
. "$LAB/lib/uki.sh"

recipe_files() {
  echo variants/lab-uki.sh
  echo lib/uki.sh
  echo lib/esp-disk.sh
  derived_files
}

build_variant() {
  local root=$WORK/root kernel
  step "unpack the lab image" unpack_lab "$root"
  kernel=$(kernel_release "$root")
  step "fetch systemd-boot" debian_root "$WORK/debian" extract systemd-boot-efi
  step "make the disk" uki_disk "$root" "$kernel"
  derived_manifest "$kernel" '"uefi"' '"nocloud", "systemd-credentials"' >"$WORK/result/manifest.json"
}

# uki_disk ROOT KERNEL: shim starts the file of that name next to it, whatever it is; without Secure Boot nothing verifies it.
uki_disk() {
  local root=$1 kernel=$2 esp=$WORK/esp efi=$WORK/debian/usr/lib/systemd/boot/efi size
  mkdir -p "$esp"/EFI/{BOOT,Linux} "$esp/loader"
  cp "$root/usr/lib/shim/shimx64.efi.signed" "$esp/EFI/BOOT/BOOTX64.EFI"
  cp "$efi/systemd-bootx64.efi" "$esp/EFI/BOOT/grubx64.efi"
  make_uki "$efi/linuxx64.efi.stub" "$root/boot/vmlinuz-$kernel" "$root/boot/initrd.img-$kernel" \
    "root=LABEL=lab-root ro no_timer_check console=tty0 console=ttyS0" "$root/usr/lib/os-release" "$esp/EFI/Linux/lab-$kernel.efi"
  printf 'timeout 0\ndefault lab-%s.efi\n' "$kernel" >"$esp/loader/loader.conf"
  size=$(($(du -sm "$esp" | cut -f1) + 36))
  esp_disk "$root" "$esp" "$size"
}
