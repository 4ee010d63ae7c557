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
  # What belongs to one boot of one machine.
  find "$root/run" "$root/tmp" -mindepth 1 -delete
  bootc_base "$root"
  bootc_database "$root"
}

# bootc_base ROOT: what bootc's base images have for ostree, and an argument for the kernel. No program of Debian reads these
# here: neither bootc nor composefs is in it.
bootc_base() {
  local root=$1
  mkdir "$root/sysroot"
  ln -s sysroot/ostree "$root/ostree"
  mkdir -p "$root/usr/lib/ostree" "$root/usr/lib/bootc/kargs.d"
  printf '[composefs]\nenabled = true\n' >"$root/usr/lib/ostree/prepare-root.conf"
  printf 'kargs = ["console=ttyS0"]\nmatch-architectures = ["x86_64"]\n' >"$root/usr/lib/bootc/kargs.d/10-console.toml"
}

# bootc_database ROOT: without a log that is written ahead, whose files nobody can make next to a database on a read-only /usr.
bootc_database() {
  local root=$1 left
  python3 -B - "$root/usr/share/rpm/rpmdb.sqlite" <<'P'
import sqlite3, sys
database = sqlite3.connect(sys.argv[1])
mode = database.execute("PRAGMA journal_mode=DELETE").fetchone()[0]
database.close()
sys.exit(0 if mode == "delete" else f"the journal of the rpm database is still {mode}")
P
  chroot "$root" rpm -q rpm >/dev/null || die "rpm does not find its database in /usr/share/rpm" "see bootc_shape in images/lab/variants/lab-bootc.sh"
  left=$(find "$root/usr/share/rpm" -name '*-wal' -o -name '*-shm' -o -name '*-journal')
  [ -z "$left" ] || die "the rpm database has files of a journal next to it: $left" "see bootc_database in images/lab/variants/lab-bootc.sh"
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
