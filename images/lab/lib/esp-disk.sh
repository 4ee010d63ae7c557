# The disk of a variant of lab that starts by files of its own on the EFI partition.
# shellcheck shell=bash

# esp_disk ROOT ESP MIB: an EFI partition of so many MiB with that directory's contents, and the root file system as lab has it.
esp_disk() {
  local root=$1 esp=$2 size=$3
  make_esp "$WORK/esp.img" "$size" "$esp"
  truncate -s "${ROOT_MIB}M" "$WORK/root.img"
  mkfs.ext4 -q -L lab-root -E lazy_itable_init=0,lazy_journal_init=0,root_owner=0:0 -d "$root" "$WORK/root.img"
  truncate -s $(((size + ROOT_MIB + 2) * MIB)) "$WORK/disk.raw"
  sfdisk -q "$WORK/disk.raw" <<S
label: gpt
start=1MiB, size=${size}MiB, type=U, name=ESP
size=${ROOT_MIB}MiB, type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709, name=lab-root
S
  put "$WORK/esp.img" "$WORK/disk.raw" "$MIB"
  put "$WORK/root.img" "$WORK/disk.raw" $(((size + 1) * MIB))
  to_qcow2 "$WORK/disk.raw" "$WORK/result/disk.qcow2"
}
