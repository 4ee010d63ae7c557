# A unified kernel image: kernel, initramfs and command line in one EFI program, so that no boot loader is needed.
# shellcheck shell=bash

# make_uki STUB KERNEL INITRD CMDLINE OS-RELEASE OUTPUT
make_uki() {
  local stub=$1 align at args=() section file
  align=$((0x$(objdump -p "$stub" | awk '$1 == "SectionAlignment" { print $2 }')))
  # The first free address after the stub's own sections; the new ones follow, each aligned.
  at=0
  while read -r size address; do
    [ $((0x$size + 0x$address)) -le "$at" ] || at=$((0x$size + 0x$address))
  done < <(objdump -h "$stub" | awk '$1 ~ /^[0-9]+$/ { print $3, $4 }')
  printf '%s' "$4" >"$6.cmdline"
  for section in osrel="$5" cmdline="$6.cmdline" initrd="$3" linux="$2"; do
    file=${section#*=}
    at=$(((at + align - 1) / align * align))
    args+=(--add-section ".${section%%=*}=$file" --change-section-vma ".${section%%=*}=$at")
    at=$((at + $(stat -Lc %s "$file")))
  done
  objcopy "${args[@]}" "$stub" "$6"
  rm "$6.cmdline"
}
