# lab-slow: lab with one unit more, which works at boot: what a gate on boot times must find and name.
# shellcheck shell=bash

recipe_files() {
  echo variants/lab-slow.sh
  echo slow/lab-slow.service
  derived_files
}

# shellcheck source=../lib/derived.sh
. "$LAB/lib/derived.sh"

build_variant() {
  local from
  from=$(lab_image)
  step "plant the unit" plant_unit "$from/disk.qcow2"
  derived_manifest "$(sed -n 's/.*"kernel": "\(.*\)".*/\1/p' "$from/manifest.json")" \
    '"uefi", "uefi-secure-boot"' '"nocloud", "systemd-credentials"' >"$WORK/result/manifest.json"
}

# plant_unit DISK: writes the unit and its link into the root file system, without mounting it.
plant_unit() {
  local raw=$WORK/disk.raw start units=/usr/lib/systemd/system
  qemu-img convert -f qcow2 -O raw "$1" "$raw"
  start=$(sfdisk -d "$raw" | sed -n 's/.*start= *\([0-9]*\),.*name="lab-root".*/\1/p')
  [ -n "$start" ] || die "the lab image has no partition named lab-root" "see lab_disk in images/lab/variants/lab.sh"
  # debugfs ends well whatever happened, so what it says is what counts; `write` names the inode that it made.
  debugfs -w -f - "$raw?offset=$((start * 512))" >"$WORK/debugfs.log" 2>&1 <<D
cd $units
write "$LAB/slow/lab-slow.service" lab-slow.service
set_inode_field lab-slow.service mode 0100644
set_inode_field lab-slow.service uid 0
set_inode_field lab-slow.service gid 0
symlink multi-user.target.wants/lab-slow.service ../lab-slow.service
D
  if grep -vE '^(debugfs( [0-9].*|:.*)|Allocated inode: [0-9]+)$' "$WORK/debugfs.log" >&2; then
    die "the unit could not be written" "the lines above are from debugfs"
  fi
  to_qcow2 "$raw" "$WORK/result/disk.qcow2"
}
