# lab-vhd: the lab disk as a fixed VHD, the one form that Azure takes.
# shellcheck shell=bash

recipe_files() {
  echo variants/lab-vhd.sh
  derived_files
}

# shellcheck source=../lib/derived.sh
. "$LAB/lib/derived.sh"

build_variant() {
  local from
  from=$(lab_image)
  step "convert" vhd_convert "$from/disk.qcow2"
  derived_manifest "$(sed -n 's/.*"kernel": "\(.*\)".*/\1/p' "$from/manifest.json")" \
    '"uefi", "uefi-secure-boot"' '"nocloud", "systemd-credentials"' >"$WORK/result/manifest.json"
}

vhd_convert() {
  local file=$WORK/result/disk.vhd size
  # Without force_size the size is rounded to whole cylinders, and the copy of the partition table is then not at the end.
  qemu-img convert -f qcow2 -O vpc -o subformat=fixed,force_size=on "$1" "$file"
  # What Azure asks for: whole MiB, then a footer of one sector that says "conectix", disk type 2 (fixed).
  size=$(($(stat -c %s "$file") - 512))
  [ $((size % MIB)) -eq 0 ] && [ "$(tail -c 512 "$file" | head -c 8)" = conectix ] &&
    [ "$(tail -c 512 "$file" | od -An -tu1 -j63 -N1 | tr -d ' ')" = 2 ] ||
    die "$file is not a fixed VHD of a whole number of MiB" "see what qemu-img made of it: qemu-img info"
}
