# lab-dracut: the lab image with systemd in its initrd, as dracut makes it for Fedora, Azure Linux, SUSE and others. Everything
# else is the lab image's, so that a difference between their results comes from the initrd.
# shellcheck shell=bash

# How its disk is made; what the two files define both, this one defines after it.
# shellcheck source=lab.sh
. "$LAB/variants/lab.sh"
# shellcheck source=../lib/derived.sh
. "$LAB/lib/derived.sh"

recipe_files() {
  echo variants/lab-dracut.sh
  derived_files
}

build_variant() {
  local root=$WORK/root kernel
  step "unpack the lab image" unpack_lab "$root"
  kernel=$(kernel_release "$root")
  step "fetch dracut" debian_root "$WORK/debian" extract dracut-core
  step "make the initrd" dracut_initrd "$root" "$kernel"
  step "make the disk" lab_disk "$root"
  derived_manifest "$kernel" '"uefi", "uefi-secure-boot"' '"nocloud", "systemd-credentials"' >"$WORK/result/manifest.json"
}

# dracut_initrd ROOT KERNEL: replaces the initrd by one that dracut makes from the root's own systemd. dracut itself runs in a
# copy, so that nothing of it is in the image: no rpm would own it.
dracut_initrd() {
  local root=$1 kernel=$2 copy=$WORK/copy initrd=boot/initrd.img-$2
  cp -a "$root" "$copy"
  cp -a "$WORK/debian/usr/lib/dracut" "$copy/usr/lib/"
  cp -a "$WORK/debian/usr/bin/dracut" "$copy/usr/bin/"
  mkdir -p "$copy/etc/dracut.conf.d"
  mount --rbind /dev "$copy/dev"
  mount -t proc proc "$copy/proc"
  # The disk buses a machine may have, as in the initramfs of the lab image; no network and no other file systems.
  chroot "$copy" dracut --force --no-hostonly --no-hostonly-cmdline --no-early-microcode --zstd --reproducible \
    --modules "bash systemd systemd-initrd systemd-journald systemd-tmpfiles systemd-udevd systemd-sysusers dracut-systemd base rootfs-block udev-rules fs-lib shutdown" \
    --drivers "virtio_blk virtio_scsi ahci sd_mod nvme virtio_pci" --filesystems "ext4" \
    "/$initrd" "$kernel" >"$WORK/dracut.log" 2>&1 ||
    { tail -n 30 "$WORK/dracut.log" >&2; die "dracut could not make the initrd" "the lines above are its own"; }
  umount --lazy "$copy/dev" "$copy/proc"
  cp "$copy/$initrd" "$root/$initrd"
  # What dracut leaves out it only says; without its systemd this would be the lab image again.
  grep -q 'Including module: systemd-initrd' "$WORK/dracut.log" ||
    { tail -n 30 "$WORK/dracut.log" >&2; die "the initrd has no systemd" "the lines above are from dracut"; }
  rm -rf "$copy"
}
