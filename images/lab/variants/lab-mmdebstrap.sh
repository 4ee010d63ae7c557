# lab-mmdebstrap: Debian as mmdebstrap packs it, a tar with ACLs, and the kernel that is in it to start it by.
# shellcheck shell=bash

recipe_files() {
  echo variants/lab-mmdebstrap.sh
  foreign_files
}

# shellcheck source=../lib/foreign.sh
. "$LAB/lib/foreign.sh"
# shellcheck source=../lib/debian.sh
. "$LAB/lib/debian.sh"

build_variant() {
  step "install Debian packages" mmdebstrap_root
  step "pack" zstd -q --rm -T2 -3 "$WORK/result/root.tar"
  foreign_manifest "$(basename "$(cat "$WORK/kernel")")" '"none: direct kernel boot"' >"$WORK/result/manifest.json"
}

# The tar is mmdebstrap's own: it writes the extended attributes, ACLs among them.
mmdebstrap_root() {
  debian_root "$WORK/result/root.tar" important "$(IFS=, && echo "${FOREIGN_PACKAGES[*]},initramfs-tools")" \
    --customize-hook="cp -r --no-preserve=mode,ownership '$LAB/foreign/extra/.' \"\$1/\"" \
    --customize-hook='chroot "$1" systemctl enable systemd-networkd.service systemd-resolved.service' \
    --customize-hook='ln -sf ../run/systemd/resolve/stub-resolv.conf "$1/etc/resolv.conf"' \
    --customize-hook="cp \"\$1\"/boot/vmlinuz-* '$WORK/result/vmlinuz' && cp \"\$1\"/boot/initrd.img-* '$WORK/result/initrd.img'" \
    --customize-hook="ls -d \"\$1\"/usr/lib/modules/* >'$WORK/kernel'"
}
