# lab: an RPM distribution made of Debian's programs; see ../rpm-distribution.
# shellcheck shell=bash

recipe_files() {
  echo variants/lab.sh
  echo lib/debian.sh
  echo lib/disk.sh
  (cd "$LAB" && find rpm-distribution -type f ! -name '*.pyc')
}

# shellcheck source=../rpm-distribution/configure.sh
. "$LAB/rpm-distribution/configure.sh"
# shellcheck source=../rpm-distribution/rpms.sh
. "$LAB/rpm-distribution/rpms.sh"

build_variant() {
  local recipe=$LAB/rpm-distribution root=$WORK/root
  step "install Debian packages" lab_root "$root"
  step "unpack the offered packages" extract_offered "$root" "$WORK/debs" "$WORK/extra"
  step "make the signing key" make_key "$WORK/key"
  step "configure" configure_root "$root" "$recipe"
  install -D -m 644 "$WORK/key/public.asc" "$root/etc/pki/rpm-gpg/RPM-GPG-KEY-muster-lab"
  step "leave Debian's package tools out" drop_debian "$root" "$recipe/dropped" "$WORK/dpkg"
  step "write the spec" python3 -B "$recipe/spec.py" "$root" "$WORK/dpkg" "$WORK/extra" "$(overlay_with_key)" "$recipe/dropped" "$WORK/specs"
  step "build the rpms" build_rpms "$root" "$WORK/extra" "$WORK/specs" "$WORK/rpms"
  step "build the third-party rpms" build_isv "$recipe/isv" "$WORK/isv"
  step "build the rpms of variants" build_variants "$recipe/wsl" "$recipe/overlay/usr/lib/os-release" "$WORK/variants"
  step "sign the rpms" sign_rpms "$WORK/key" "$WORK/rpms" "$WORK/isv/1" "$WORK/isv/2" "$WORK/variants"
  step "make the repositories" make_repositories "$root" "$WORK/specs" "$WORK/rpms" "$WORK/isv" "$WORK/variants"
  step "fill the rpm database" fill_database "$root"
  step "check the distribution" check_distribution "$root"
  step "make the disk" lab_disk "$root"
  lab_manifest "$root" >"$WORK/result/manifest.json"
}

lab_root() {
  local packages offered
  packages=$(grep -v '^#' "$LAB/rpm-distribution/packages" | paste -sd,)
  offered=$(grep -v '^#' "$LAB/rpm-distribution/offered" | paste -sd' ')
  mkdir "$WORK/debs"
  # The offered packages are fetched while the root still knows its mirror, and leave with the work folder.
  debian_root "$1" minbase "$packages" \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/info/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-include=/usr/share/locale/locale.alias' --dpkgopt='path-exclude=/usr/share/lintian/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --customize-hook="rm -f \"\$1\"/var/cache/apt/archives/*.deb; APT_CONFIG=\$MMDEBSTRAP_APT_CONFIG apt-get -y --no-install-recommends --download-only install $offered && cp \"\$1\"/var/cache/apt/archives/*.deb '$WORK/debs/'"
  [ -n "$(ls "$WORK/debs")" ] || die "none of the offered packages was fetched" "see $LAB/rpm-distribution/offered"
}

# overlay_with_key: the overlay as the root has it, the key of this build included.
overlay_with_key() {
  cp -r "$LAB/rpm-distribution/overlay" "$WORK/overlay"
  mkdir -p "$WORK/overlay/etc/pki/rpm-gpg"
  cp "$WORK/key/public.asc" "$WORK/overlay/etc/pki/rpm-gpg/RPM-GPG-KEY-muster-lab"
  printf '%s\n' "$WORK/overlay"
}

ESP_MIB=64 ROOT_MIB=2048

# lab_disk ROOT [WORDS]: the disk, with these words on the kernel's command line.
lab_disk() {
  local root=$1 words=${2:-} esp=$WORK/esp kernel
  kernel=$(kernel_release "$root")
  # Debian's chain, signed by Microsoft and Debian: Secure Boot is then a matter of the firmware alone.
  mkdir -p "$esp/EFI/BOOT" "$esp/EFI/debian"
  cp "$root/usr/lib/shim/shimx64.efi.signed" "$esp/EFI/BOOT/BOOTX64.EFI"
  cp "$root/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed" "$esp/EFI/BOOT/grubx64.efi"
  # The folder name is built into the signed program.
  cat >"$esp/EFI/debian/grub.cfg" <<G
serial --unit=0
terminal_output serial console
search --no-floppy --label --set=root lab-root
linux /boot/vmlinuz-$kernel root=LABEL=lab-root ro no_timer_check ${words:+$words }console=tty0 console=ttyS0
initrd /boot/initrd.img-$kernel
boot
G
  make_esp "$WORK/esp.img" "$ESP_MIB" "$esp"
  truncate -s "${ROOT_MIB}M" "$WORK/root.img"
  # Two features newer than what the signed boot loader is sure to read.
  mkfs.ext4 -q -L lab-root -O ^metadata_csum_seed,^orphan_file -E lazy_itable_init=0,lazy_journal_init=0,root_owner=0:0 -d "$root" "$WORK/root.img"
  truncate -s $(((ESP_MIB + ROOT_MIB + 2) * MIB)) "$WORK/disk.raw"
  sfdisk -q "$WORK/disk.raw" <<S
label: gpt
start=1MiB, size=${ESP_MIB}MiB, type=U, name=ESP
size=${ROOT_MIB}MiB, type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709, name=lab-root
S
  put "$WORK/esp.img" "$WORK/disk.raw" "$MIB"
  put "$WORK/root.img" "$WORK/disk.raw" $(((ESP_MIB + 1) * MIB))
  to_qcow2 "$WORK/disk.raw" "$WORK/result/disk.qcow2"
}

lab_manifest() {
  cat <<J
{
  "schema": "muster-lab-image/v1",
  "variant": "lab",
  "key": "$key",
  "built": "$(date -u +%Y-%m-%dT%H:%M:%SZ)",
  "kernel": "$(kernel_release "$1")",
  "packages": $(chroot "$1" rpm -qa | grep -vc '^gpg-pubkey'),
  "offered": $(wc -l <"$WORK/specs/offered"),
  "firmware": ["uefi", "uefi-secure-boot"],
  "seeds": ["nocloud", "systemd-credentials"],
  "verified": ["rpm -Va", "every path under /usr has an owner", "repoclosure of the repositories", "requirements of the installed set"]
}
J
}
