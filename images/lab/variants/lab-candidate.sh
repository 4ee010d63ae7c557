# lab-candidate: the lab distribution as somebody derives another from it: smaller here, different there. Every
# difference is planted, and candidate/deviations.yaml documents about half of them: a comparison with lab must tell
# all the others and nothing else.
# shellcheck shell=bash

# How its disk is made; what the two files define both, this one defines after it.
# shellcheck source=lab.sh
. "$LAB/variants/lab.sh"
# shellcheck source=../lib/derived.sh
. "$LAB/lib/derived.sh"

recipe_files() {
  echo variants/lab-candidate.sh
  (cd "$LAB" && find candidate -type f ! -name deviations.yaml ! -name undocumented)
  derived_files
}

build_variant() {
  local root=$WORK/root words
  step "unpack the lab image" unpack_lab "$root"
  step "plant the differences" plant "$root"
  words=$(cat "$LAB/candidate/cmdline")
  step "make the disk" lab_disk "$root" "$words"
  derived_manifest "$(kernel_release "$root")" '"uefi", "uefi-secure-boot"' '"nocloud", "systemd-credentials"' >"$WORK/result/manifest.json"
}

plant() {
  local root=$1 kernel
  kernel=$(kernel_release "$root")
  # Packages: fewer, others, and one that only a vendor ships.
  change_packages "$root" "the candidate's packages could not be removed" rpm -e libfuse3-4 libefiboot1t64 gettext-base diffutils
  change_packages "$root" "the candidate's packages could not be installed" \
    'rpm -i --quiet /srv/repo/extra/tree-[0-9]*.rpm /srv/repo/updates/lab-common-2-*.rpm /srv/repo/updates/lab-hello-2-*.rpm'
  chroot "$root" systemctl enable --quiet lab-hello.service
  # Files: another mode, another owner, other content, one that moved and left a link, one that is gone.
  chmod 0600 "$root/etc/ssh/sshd_config"
  chown 0:6 "$root/usr/bin/zstdgrep"
  printf 'lab-candidate \\n \\l\n' >"$root/etc/issue"
  mv "$root/usr/bin/hostname" "$root/usr/libexec/hostname"
  ln -s ../libexec/hostname "$root/usr/bin/hostname"
  rm "$root/usr/bin/zstdless"
  # Units and presets: one disabled, one masked, another policy.
  chroot "$root" systemctl disable --quiet systemd-timesyncd.service
  chroot "$root" systemctl mask --quiet systemd-coredump.socket
  install -m 644 "$LAB/candidate/81-candidate.preset" "$root/usr/lib/systemd/system-preset/81-candidate.preset"
  # Kernel: options as its file tells them, and a module that is left out.
  sed -i 's/^CONFIG_USER_NS=y$/# CONFIG_USER_NS is not set/; s/^CONFIG_TUN=m$/CONFIG_TUN=y/; /^CONFIG_DUMMY=m$/d' "$root/boot/config-$kernel" "$root/usr/lib/modules/$kernel/config"
  find "$root/usr/lib/modules/$kernel" \( -name 'dummy.ko*' -o -name 'vxlan.ko*' \) -delete
  chroot "$root" depmod "$kernel"
  # Settings, users, groups.
  install -m 644 "$LAB/candidate/61-candidate.conf" "$root/usr/lib/sysctl.d/61-candidate.conf"
  chroot "$root" groupadd --gid 890 candidate
  chroot "$root" groupadd --gid 891 unexplained
  chroot "$root" useradd --uid 890 --gid 890 --no-create-home --shell /usr/sbin/nologin candidate
  chroot "$root" useradd --uid 891 --gid 891 --no-create-home --shell /bin/sh unexplained
  # Repositories: one off, one on.
  sed -i '/^\[lab-extra\]/,/^enabled/s/enabled=1/enabled=0/; /^\[lab-updates\]/,/^enabled/s/enabled=0/enabled=1/' "$root/etc/yum.repos.d/lab.repo"
  # Trust: one anchor less.
  rm "$root"/etc/ssl/certs/ISRG_Root_X1.pem "$root"/usr/share/ca-certificates/mozilla/ISRG_Root_X1.crt
  chroot "$root" update-ca-certificates --fresh >/dev/null 2>&1 || die "the trust anchors could not be collected again" "update-ca-certificates in the candidate's root says why"
}
