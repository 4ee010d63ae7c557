# lab-tiny: a kernel, busybox and dropbear in one initramfs. It boots in seconds; the harness tests itself on it.
# shellcheck shell=bash

recipe_files() {
  echo variants/lab-tiny.sh
  echo lib/tiny.sh
  echo lib/loader.sh
  echo lib/debian.sh
  echo lib/disk.sh
  echo lib/uki.sh
  (cd "$LAB" && find tiny -type f)
}

# shellcheck source=../lib/uki.sh
. "$LAB/lib/uki.sh"
# shellcheck source=../lib/tiny.sh
. "$LAB/lib/tiny.sh"

TINY_MODULES+=(pvpanic-pci)

build_variant() {
  step "fetch packages" debian_root "$WORK/debian" extract busybox-static,dropbear-bin,linux-image-cloud-amd64,systemd-boot-efi,syslinux,syslinux-common
  KERNEL=$(kernel_release "$WORK/debian")
  step "initramfs" tiny_initramfs "$WORK/debian" /lib64/ld-linux-x86-64.so.2
  step "disk" tiny_disk
  tiny_manifest '"uefi", "bios"' >"$WORK/result/manifest.json"
}

tiny_disk() {
  local esp=$WORK/esp linux=$WORK/debian/boot/vmlinuz-$KERNEL size
  mkdir -p "$esp/EFI/BOOT"
  make_uki "$WORK/debian/usr/lib/systemd/boot/efi/linuxx64.efi.stub" "$linux" "$WORK/initrd.img" \
    "$(cat "$LAB/tiny/cmdline")" "$LAB/tiny/root/etc/os-release" "$esp/EFI/BOOT/BOOTX64.EFI"
  # For SeaBIOS, which starts several seconds sooner than OVMF: the same kernel and initramfs through syslinux.
  cp "$linux" "$esp/linux"
  cp "$WORK/initrd.img" "$esp/initrd"
  cat >"$esp/syslinux.cfg" <<C
DEFAULT lab
PROMPT 0
LABEL lab
  LINUX /linux
  INITRD /initrd
  APPEND $(cat "$LAB/tiny/cmdline")
C
  size=$(($(du -sm "$esp" | cut -f1) + 36))
  make_esp "$WORK/esp.img" "$size" "$esp"
  # It calls mtools; the file system starts at the file's first byte.
  MTOOLSRC=/dev/null MTOOLS_SKIP_CHECK=1 loader "$WORK/debian" "$WORK/debian/usr/bin/syslinux" --install "$WORK/esp.img"
  truncate -s $(((size + 2) * MIB)) "$WORK/disk.raw"
  sfdisk -q "$WORK/disk.raw" <<S
label: gpt
start=1MiB, size=${size}MiB, type=U, name=ESP, attrs=LegacyBIOSBootable
S
  # The boot code in front of the partition table looks for that attribute.
  dd if="$WORK/debian/usr/lib/syslinux/mbr/gptmbr.bin" of="$WORK/disk.raw" bs=440 count=1 conv=notrunc status=none
  put "$WORK/esp.img" "$WORK/disk.raw" "$MIB"
  qemu-img convert -f raw -O qcow2 "$WORK/disk.raw" "$WORK/result/disk.qcow2"
}
