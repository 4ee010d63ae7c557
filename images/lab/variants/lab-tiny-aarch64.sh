# lab-tiny-aarch64: lab-tiny for 64-bit Arm, from Debian's arm64 packages. Nothing of it runs on the building host.
# shellcheck shell=bash

recipe_files() {
  echo variants/lab-tiny-aarch64.sh
  echo lib/tiny.sh
  echo lib/loader.sh
  echo lib/debian.sh
  echo lib/disk.sh
  (cd "$LAB" && find tiny -type f ! -name cmdline)
}

# shellcheck source=../lib/tiny.sh
. "$LAB/lib/tiny.sh"

build_variant() {
  step "fetch packages" debian_root "$WORK/debian" extract busybox-static,dropbear-bin,linux-image-cloud-arm64,systemd-boot-efi --architectures=arm64
  # The list of busybox's applets and the index of the modules are made by programs, which have to run here.
  step "fetch tools" debian_root "$WORK/tools" extract busybox-static,kmod
  KERNEL=$(kernel_release "$WORK/debian")
  step "initramfs" tiny_initramfs "$WORK/tools" /lib/ld-linux-aarch64.so.1
  step "disk" tiny_disk
  tiny_manifest '"uefi"' >"$WORK/result/manifest.json"
}

tiny_disk() {
  local esp=$WORK/esp size
  mkdir -p "$esp/EFI/BOOT" "$esp/loader/entries"
  # A boot loader instead of lab-tiny's unified image: joining one takes an objcopy that knows this architecture.
  cp "$WORK/debian/usr/lib/systemd/boot/efi/systemd-bootaa64.efi" "$esp/EFI/BOOT/BOOTAA64.EFI"
  cp "$WORK/debian/boot/vmlinuz-$KERNEL" "$esp/linux"
  cp "$WORK/initrd.img" "$esp/initrd"
  printf 'timeout 0\ndefault lab.conf\n' >"$esp/loader/loader.conf"
  cat >"$esp/loader/entries/lab.conf" <<C
title muster lab tiny
linux /linux
initrd /initrd
options console=ttyAMA0 panic=0 rdinit=/init
C
  size=$(($(du -sm "$esp" | cut -f1) + 36))
  make_esp "$WORK/esp.img" "$size" "$esp"
  truncate -s $(((size + 2) * MIB)) "$WORK/disk.raw"
  sfdisk -q "$WORK/disk.raw" <<S
label: gpt
start=1MiB, size=${size}MiB, type=U, name=ESP
S
  put "$WORK/esp.img" "$WORK/disk.raw" "$MIB"
  qemu-img convert -f raw -O qcow2 "$WORK/disk.raw" "$WORK/result/disk.qcow2"
}
