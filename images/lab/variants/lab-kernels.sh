# lab-kernels: lab with systemd-boot and its entries, and a repository with two more kernels: Debian's own for any machine, and one
# that cannot boot. What `matrix: kernel:` runs on.
# shellcheck shell=bash

# How its disk is made; what the two files define both, this one defines after it.
# shellcheck source=lab.sh
. "$LAB/variants/lab.sh"
# shellcheck source=../lib/derived.sh
. "$LAB/lib/derived.sh"
# shellcheck source=../lib/esp-disk.sh
. "$LAB/lib/esp-disk.sh"

# So much for three kernels with their initramfs.
KERNELS_ESP_MIB=192

recipe_files() {
  echo variants/lab-kernels.sh
  echo lib/esp-disk.sh
  (cd "$LAB" && find kernels -type f)
  derived_files
}

build_variant() {
  local root=$WORK/root kernel
  step "fetch systemd-boot and a kernel" debian_root "$WORK/debian" extract systemd-boot,systemd-boot-efi,systemd-boot-tools,linux-image-amd64
  step "unpack the lab image" unpack_lab "$root"
  kernel=$(kernel_release "$root")
  step "package the kernels" package_kernels "$root"
  step "install systemd-boot" install_boot "$root" "$kernel"
  step "make the disk" esp_disk "$root" "$WORK/esp" "$KERNELS_ESP_MIB"
  derived_manifest "$kernel" '"uefi"' '"nocloud", "systemd-credentials"' >"$WORK/result/manifest.json"
}

# What a virtual machine needs no driver for, which is nine tenths of them.
NOT_NEEDED=(drivers/{gpu,media,net/ethernet,net/wireless,net/usb,infiniband,staging,usb,hwmon,iio,mtd,isdn,bluetooth,hid,leds,power,mfd,firmware,thunderbolt,accel} sound net/{bluetooth,mac80211,wireless})

# package_kernels ROOT: the initramfs of each is made in a copy of the root, so that nothing of it stays there.
package_kernels() {
  local root=$1 sources=$WORK/kernel-sources release path
  release=$(kernel_release "$WORK/debian")
  mkdir -p "$sources" "$root/srv/repo/kernels"
  mv "$WORK/debian/usr/lib/modules/$release" "$sources/root"
  for path in "${NOT_NEEDED[@]}"; do rm -rf "$sources/root/kernel/$path"; done
  rm -f "$sources"/root/{build,source}
  cp "$WORK/debian/boot/vmlinuz-$release" "$sources/root/vmlinuz"
  cp "$WORK/debian/boot/config-$release" "$sources/root/config"
  make_initrd "$root" "$release" "$sources/root"
  package_kernel "$sources" lab-kernel-generic "${release%%[+-]*}" "$release" "$root/srv/repo/kernels"
  # The same, in a place of its own, with an initramfs that is none: it finds no root and panics.
  mv "$sources/root" "$WORK/generic"
  mkdir "$sources/root"
  cp "$WORK/generic/vmlinuz" "$sources/root/vmlinuz"
  (cd "$sources/root" && : >nothing && echo nothing | cpio --quiet -o -H newc >initrd)
  package_kernel "$sources" lab-kernel-broken 6.99 6.99.0-broken "$root/srv/repo/kernels"
  createrepo_c --quiet --no-database "$root/srv/repo/kernels"
  printf '[lab-kernels]\nname=muster lab 1, kernels\nbaseurl=file:///srv/repo/kernels\nenabled=1\ngpgcheck=0\n' \
    >"$root/etc/yum.repos.d/lab-kernels.repo"
}

# make_initrd ROOT RELEASE MODULES: by the root's own initramfs-tools, for modules that only lie there meanwhile.
make_initrd() {
  local root=$1 release=$2 modules=$3
  cp -a "$modules" "$root/usr/lib/modules/$release"
  cp "$modules/config" "$root/boot/config-$release"
  chroot "$root" depmod "$release"
  cp "$root/usr/lib/modules/$release"/modules.* "$modules/"
  # Built into lab's own kernel, and a module of this one.
  cp "$root/etc/initramfs-tools/modules" "$WORK/initramfs-modules"
  echo ext4 >>"$root/etc/initramfs-tools/modules"
  chroot "$root" mkinitramfs -o /tmp/initrd "$release" >"$WORK/initramfs.log" 2>&1 ||
    { cat "$WORK/initramfs.log" >&2; die "the initramfs of $release could not be made" "the lines above are from mkinitramfs"; }
  mv "$root/tmp/initrd" "$modules/initrd"
  cat "$WORK/initramfs-modules" >"$root/etc/initramfs-tools/modules"
  rm -rf "$root/usr/lib/modules/$release" "$root/boot/config-$release"
}

# package_kernel SOURCES NAME VERSION RELEASE DIRECTORY
package_kernel() {
  rpmbuild -bb --quiet --define "_topdir $WORK/rpmbuild-kernels" --define "_sourcedir $1" --define "_rpmdir $5" \
    --define '_rpmfilename %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm' --define '_buildhost lab' --define "kernel_name $2" \
    --define "kernel_version $3" --define "kernel_release $4" --target x86_64 "$LAB/kernels/kernel.spec" >"$WORK/rpmbuild-kernels.log" 2>&1 || {
    tail -n 20 "$WORK/rpmbuild-kernels.log" >&2
    die "rpmbuild failed for the kernel $4" "see images/lab/kernels/kernel.spec"
  }
}

# install_boot ROOT KERNEL: the loader's tool in the root, the loader and an entry for the root's own kernel on the EFI partition.
install_boot() {
  local root=$1 kernel=$2 esp=$WORK/esp words='root=LABEL=lab-root ro no_timer_check console=tty0 console=ttyS0'
  cp "$WORK/debian/usr/bin/bootctl" "$root/usr/bin/bootctl"
  mkdir -p "$root/etc/kernel" "$esp"/EFI/{BOOT,systemd} "$esp/loader/entries" "$esp/lab"
  printf '%s\n' "$words" >"$root/etc/kernel/cmdline"
  printf 'layout=bls\nBOOT_ROOT=/boot/efi\ninitrd_generator=none\n' >"$root/etc/kernel/install.conf"
  cp "$WORK/debian/usr/lib/systemd/boot/efi/systemd-bootx64.efi" "$esp/EFI/BOOT/BOOTX64.EFI"
  cp "$esp/EFI/BOOT/BOOTX64.EFI" "$esp/EFI/systemd/systemd-bootx64.efi"
  printf 'default lab.conf\ntimeout 0\n' >"$esp/loader/loader.conf"
  printf 'title muster lab 1\nversion %s\nlinux /lab/linux\ninitrd /lab/initrd\noptions %s\n' "$kernel" "$words" >"$esp/loader/entries/lab.conf"
  cp "$root/boot/vmlinuz-$kernel" "$esp/lab/linux"
  cp "$root/boot/initrd.img-$kernel" "$esp/lab/initrd"
}
