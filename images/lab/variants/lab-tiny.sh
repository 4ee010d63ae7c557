# lab-tiny: a kernel, busybox and dropbear in one initramfs. It boots in seconds; the harness tests itself on it.
# shellcheck shell=bash

recipe_files() {
  echo variants/lab-tiny.sh
  echo lib/debian.sh
  echo lib/disk.sh
  echo lib/uki.sh
  (cd "$LAB" && find tiny -type f)
}

# shellcheck source=../lib/uki.sh
. "$LAB/lib/uki.sh"

# What a virtual machine may need, with either kind of seed. Bus modules come with what they depend on.
TINY_MODULES=(virtio_net virtio_blk virtio_scsi ahci sd_mod virtio-rng pvpanic-pci button evdev vfat nls_ascii nls_cp437 isofs)

build_variant() {
  step "fetch packages" debian_root "$WORK/debian" extract busybox-static,dropbear-bin,linux-image-cloud-amd64,systemd-boot-efi,syslinux,syslinux-common
  KERNEL=$(kernel_release "$WORK/debian")
  step "initramfs" tiny_initramfs
  step "disk" tiny_disk
  tiny_manifest >"$WORK/result/manifest.json"
}

tiny_initramfs() {
  local from=$WORK/debian root=$WORK/tiny library applet
  mkdir -p "$root"/{bin,sbin,lib,lib64,usr/bin,usr/sbin,usr/lib,etc,root/.ssh,proc,sys,dev,run,tmp,mnt}
  cp "$from/usr/bin/busybox" "$root/bin/busybox"
  "$root/bin/busybox" --list-full >"$WORK/applets"
  while read -r applet; do
    mkdir -p "$root/$(dirname "$applet")"
    ln -sf /bin/busybox "$root/$applet"
  done < <(grep -v '^bin/busybox$' "$WORK/applets")

  cp "$from"/usr/sbin/dropbear "$from"/usr/bin/dropbearkey "$root/usr/sbin/"
  loader "$from" --list "$from/usr/sbin/dropbear" |
    awk '$2 == "=>" { print $3 }' | while read -r library; do cp -L "$library" "$root/usr/lib/"; done
  cp -L "$from"/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 "$root/lib64/"

  # Overlay last: it replaces applets of the same name on purpose.
  cp -r "$LAB/tiny/root/." "$root/"
  chmod 755 "$root/init" "$root"/usr/share/udhcpc/default.script
  chmod 700 "$root/root" "$root/root/.ssh"
  chmod 1777 "$root/tmp"
  tiny_modules "$from" "$root"

  # Not compressed: reading it from the disk costs less under emulation than unpacking it.
  (cd "$root" && find . -print0 | LC_ALL=C sort -z | cpio --null --create --format=newc --owner=0:0 --reproducible --quiet) >"$WORK/initrd.img"
}

# loader FROM ARGUMENT...: the extracted tree's own dynamic loader, to run its programs with its libraries.
loader() {
  local libraries=$1/usr/lib/x86_64-linux-gnu
  shift
  "$libraries/ld-linux-x86-64.so.2" --library-path "$libraries" "$@"
}

# tiny_modules FROM ROOT: the modules above and what they need, unpacked, since busybox reads them plain.
tiny_modules() {
  local folder=usr/lib/modules/$KERNEL module path
  find "$1/$folder" -name '*.ko.xz' -exec xz -dqq {} +
  loader "$1" --argv0 depmod "$1/usr/bin/kmod" -b "$1/usr" "$KERNEL"
  mkdir -p "$2/lib/modules/$KERNEL"
  for module in "${TINY_MODULES[@]}"; do
    path=$(awk -F: -v name="/$module.ko" '"/" $1 ~ name "$" { print $1 $2 }' "$1/$folder/modules.dep")
    [ -n "$path" ] || die "module $module is not in kernel $KERNEL" "is it built in by now? then drop it from TINY_MODULES"
    # shellcheck disable=SC2086  # one path a word
    printf '%s\n' $path
  done | sort -u | while read -r path; do
    install -D -m 644 "$1/$folder/$path" "$2/lib/modules/$KERNEL/$path"
  done
  cp "$1/$folder"/modules.{order,builtin,builtin.modinfo} "$2/lib/modules/$KERNEL/"
  loader "$1" --argv0 depmod "$1/usr/bin/kmod" -b "$2" "$KERNEL"
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

tiny_manifest() {
  cat <<J
{
  "schema": "muster-lab-image/v1",
  "variant": "lab-tiny",
  "key": "$key",
  "built": "$(date -u +%Y-%m-%dT%H:%M:%SZ)",
  "kernel": "$KERNEL",
  "seeds": ["systemd-credentials", "nocloud"],
  "packages": 0,
  "firmware": ["uefi", "bios"],
  "verified": ["nothing at build time; see README.md"]
}
J
}
