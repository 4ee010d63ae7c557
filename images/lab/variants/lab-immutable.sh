# lab-immutable: the lab distribution as an image: /usr read-only under dm-verity, no package manager, Ignition at the first boot.
# shellcheck shell=bash

recipe_files() {
  echo variants/lab-immutable.sh
  echo lib/loader.sh
  (cd "$LAB" && find immutable -type f)
  derived_files
}

# shellcheck source=../lib/derived.sh
. "$LAB/lib/derived.sh"
# shellcheck source=../lib/loader.sh
. "$LAB/lib/loader.sh"
# shellcheck source=../rpm-distribution/configure.sh
. "$LAB/rpm-distribution/configure.sh"

IMMUTABLE_ESP_MIB=64 IMMUTABLE_ROOT_MIB=512

build_variant() {
  local root=$WORK/root recipe=$LAB/immutable kernel usrhash
  step "unpack the lab image" unpack_lab "$root"
  kernel=$(kernel_release "$root")
  step "fetch veritysetup, Ignition and podman" debian_root "$WORK/debian" extract cryptsetup-bin,ignition,podman,crun,netavark
  step "initramfs" immutable_initramfs "$root" "$recipe" "$kernel"
  step "configure" immutable_configure "$root" "$recipe"
  step "extension" immutable_extension "$root"
  step "boot files" immutable_boot_files "$root" "$kernel"
  step "remove packages" immutable_remove "$root" "$recipe/removed"
  step "protect /usr" immutable_usr "$root"
  step "disk" immutable_disk "$root"
  derived_manifest "$kernel" '"uefi", "uefi-secure-boot"' '"ignition", "systemd-credentials"' >"$WORK/result/manifest.json"
}

immutable_initramfs() {
  local root=$1 recipe=$2 kernel=$3 library
  install -m 755 "$WORK/debian/usr/sbin/veritysetup" "$root/usr/sbin/"
  library=$(echo "$WORK"/debian/usr/lib/x86_64-linux-gnu/libcryptsetup.so.12)
  install -m 644 "$(realpath "$library")" "$root/usr/lib/x86_64-linux-gnu/libcryptsetup.so.12"
  cp -r "$recipe/initramfs/." "$root/etc/initramfs-tools/"
  chmod 755 "$root/etc/initramfs-tools/hooks/lab-immutable" "$root"/etc/initramfs-tools/scripts/*/lab-*
  # It asks dpkg, which is gone, for the architecture, and nothing here wants to know.
  chroot "$root" update-initramfs -u -k "$kernel" >"$WORK/initramfs.log" 2>&1 ||
    { cat "$WORK/initramfs.log" >&2; die "the initramfs could not be made" "the lines above are from update-initramfs"; }
}

immutable_configure() {
  local root=$1 recipe=$2
  cp -r --no-preserve=mode,ownership "$recipe/overlay/." "$root/"
  install -D -m 755 "$WORK/debian/usr/lib/dracut/modules.d/30ignition/ignition" "$root/usr/libexec/ignition"
  # Debian's Ignition ends by labelling files for SELinux, asked or not; without SELinux that is nothing.
  mkdir "$root/usr/libexec/no-selinux"
  ln -s ../../bin/true "$root/usr/libexec/no-selinux/setfiles"
  # At each boot it would make a link to a file of a package that is not here.
  sed -i '\:^L+ /etc/vconsole\.conf:d' "$root/usr/lib/tmpfiles.d/debian.conf"
  rm -f "$root/etc/vconsole.conf"
  printf 'VARIANT="immutable"\nVARIANT_ID=immutable\n' >>"$root/usr/lib/os-release"
  printf 'LABEL=lab-root / ext4 defaults 0 1\n/dev/mapper/usr /usr ext4 ro 0 0\n' >"$root/etc/fstab"
}

# A container engine as immutable hosts take it: an extension that systemd-sysext merges into /usr at boot. It lies beside /usr and not
# in it, since overlayfs refuses a layer inside of another.
immutable_extension() {
  local root=$1 extension=$1/var/lib/extensions/containers from=$WORK/debian program library name
  for program in bin/podman bin/crun bin/conmon lib/podman/netavark; do
    install -D -m 755 "$from/usr/$program" "$extension/usr/$program"
    # What the programs need and the image does not have.
    loader "$from" --list "$from/usr/$program" | awk '$3 ~ /^\// { print $3 }' | while read -r library; do
      name=$(basename "$library")
      [ -e "$root/usr/lib/x86_64-linux-gnu/$name" ] || install -D -m 644 "$(realpath "$library")" "$extension/usr/lib/x86_64-linux-gnu/$name"
    done
  done
  mkdir -p "$extension/usr/share/containers" "$extension/usr/lib/extension-release.d"
  cp -r "$from/usr/share/containers/." "$extension/usr/share/containers/"
  grep -E '^(ID|VERSION_ID)=' "$root/usr/lib/os-release" >"$extension/usr/lib/extension-release.d/extension-release.containers"
}

# Signed parts as in the lab image, so that this one starts under Secure Boot too.
immutable_boot_files() {
  local root=$1 kernel=$2 esp=$WORK/esp
  mkdir -p "$esp/EFI/BOOT" "$esp/EFI/debian"
  cp "$root/usr/lib/shim/shimx64.efi.signed" "$esp/EFI/BOOT/BOOTX64.EFI"
  cp "$root/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed" "$esp/EFI/BOOT/grubx64.efi"
  mv "$root/boot/vmlinuz-$kernel" "$esp/vmlinuz"
  mv "$root/boot/initrd.img-$kernel" "$esp/initrd.img"
}

# immutable_remove ROOT LIST: nothing could be installed afterwards, so that something left asks for what is gone does no harm.
immutable_remove() {
  local root=$1 patterns names
  patterns=$(awk '!/^#/ && NF { gsub(/\./, "\\."); gsub(/\*/, ".*"); print $1 }' "$2" | paste -sd'|')
  names=$(chroot "$root" rpm -qa --qf '%{NAME}\n' | grep -xE "$patterns")
  # shellcheck disable=SC2086  # one name a word
  chroot "$root" rpm -e --nodeps --noscripts --notriggers $names 2>"$WORK/remove.log" || { tail -n 20 "$WORK/remove.log" >&2; die "rpm could not remove the packages of $2"; }
  # What the packages left behind, the repositories, and what is enabled of them. The rpm database stays, with nothing to read it.
  rm -rf "$root"/srv/repo "$root"/etc/{cloud,dnf,yum.repos.d,initramfs-tools} "$root"/var/{lib,cache}/{dnf,cloud,initramfs-tools} "${root:?}"/boot/* \
    "$root"/usr/lib/python3* "$root"/usr/local/lib/python3*
  find "$root/etc/systemd/system" "$root/etc/systemd/user" -mindepth 1 -delete
  systemctl_in_root "$root" preset-all
  systemctl_in_root "$root" set-default multi-user.target
  names=$(cd "$root" && find usr -name rpm -o -name 'rpm?*' -path '*bin/*' -o -name 'dnf*' -path '*bin/*' -o -name 'librpm.so*')
  names=$(printf '%s\n' "$names" | grep -E 'bin/|librpm' || true)
  [ -z "$names" ] || die "package tools are still there: $names" "see images/lab/immutable/removed"
}

# immutable_usr ROOT: makes the file system of /usr, its hash tree, and sets usrhash.
immutable_usr() {
  local root=$1 veritysetup=$WORK/debian/usr/sbin/veritysetup
  truncate -s $(($(du -sm "$root/usr" | cut -f1) * 108 / 100 + 16))M "$WORK/usr.img"
  # Without a journal: nothing is ever written, and a journal would want to be.
  mkfs.ext4 -q -L usr -b 4096 -m 0 -O ^has_journal,^resize_inode -E root_owner=0:0 -d "$root/usr" "$WORK/usr.img"
  loader "$WORK/debian" "$veritysetup" format "$WORK/usr.img" "$WORK/usr.verity" >"$WORK/verity.log"
  usrhash=$(sed -n 's/^Root hash:[[:space:]]*//p' "$WORK/verity.log")
  [[ $usrhash =~ ^[0-9a-f]{64}$ ]] || die "veritysetup gave no root hash" "see what it said: $(tail -n1 "$WORK/verity.log")"
  loader "$WORK/debian" "$veritysetup" verify "$WORK/usr.img" "$WORK/usr.verity" "$usrhash"
  truncate -s %${MIB} "$WORK/usr.verity"
  # Nothing under /etc and /var has to be brought up to what /usr has become.
  touch "$root/etc/.updated" "$root/var/.updated"
  rm -rf "${root:?}/usr"
  mkdir "$root/usr"
}

# uuid DIGITS: 32 digits in the groups of a partition's identifier.
uuid() { sed -E 's/(.{8})(.{4})(.{4})(.{4})(.{12})/\1-\2-\3-\4-\5/' <<<"$1"; }

immutable_disk() {
  local root=$1 usr verity
  usr=$(($(stat -c %s "$WORK/usr.img") / MIB)) verity=$(($(stat -c %s "$WORK/usr.verity") / MIB))
  cat >"$WORK/esp/EFI/debian/grub.cfg" <<G
serial --unit=0
terminal_output serial console
search --no-floppy --label --set=root ESP
linux /vmlinuz root=LABEL=lab-root rw usrhash=$usrhash no_timer_check console=tty0 console=ttyS0
initrd /initrd.img
boot
G
  make_esp "$WORK/esp.img" "$IMMUTABLE_ESP_MIB" "$WORK/esp"
  truncate -s "${IMMUTABLE_ROOT_MIB}M" "$WORK/root.img"
  mkfs.ext4 -q -L lab-root -E lazy_itable_init=0,lazy_journal_init=0,root_owner=0:0 -d "$root" "$WORK/root.img"
  truncate -s $(((IMMUTABLE_ESP_MIB + 2 * (usr + verity) + IMMUTABLE_ROOT_MIB + 2) * MIB)) "$WORK/disk.raw"
  # The types and identifiers by which systemd's tools would find the partitions as well. The second pair is for the next version.
  sfdisk -q "$WORK/disk.raw" <<S
label: gpt
start=1MiB, size=${IMMUTABLE_ESP_MIB}MiB, type=U, name=ESP
size=${usr}MiB, type=8484680C-9521-48C6-9C11-B0720656F69E, uuid=$(uuid "${usrhash:0:32}"), name=USR-A
size=${verity}MiB, type=77FF5F63-E7B6-4633-ACF4-1565B864C0E6, uuid=$(uuid "${usrhash:32}"), name=VERITY-A
size=${IMMUTABLE_ROOT_MIB}MiB, type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709, name=lab-root
size=${usr}MiB, type=8484680C-9521-48C6-9C11-B0720656F69E, name=USR-B
size=${verity}MiB, type=77FF5F63-E7B6-4633-ACF4-1565B864C0E6, name=VERITY-B
S
  put "$WORK/esp.img" "$WORK/disk.raw" "$MIB"
  put "$WORK/usr.img" "$WORK/disk.raw" $(((IMMUTABLE_ESP_MIB + 1) * MIB))
  put "$WORK/usr.verity" "$WORK/disk.raw" $(((IMMUTABLE_ESP_MIB + usr + 1) * MIB))
  put "$WORK/root.img" "$WORK/disk.raw" $(((IMMUTABLE_ESP_MIB + usr + verity + 1) * MIB))
  to_qcow2 "$WORK/disk.raw" "$WORK/result/disk.qcow2"
}
