# What the variants that are made from the finished lab image share: they unpack its disk instead of installing it all again.
# shellcheck shell=bash

# derived_files: what the lab image itself is made from. Its key is part of the key of everything made from it.
derived_files() (
  echo lib/derived.sh
  # shellcheck source=../variants/lab.sh
  . "$LAB/variants/lab.sh"
  recipe_files
)

# lab_image: prints the folder of the lab image, built now when it is not there.
lab_image() { "$LAB/build" --variant lab --cache "$cache" | tail -n1; }

# unpack_lab ROOT: the root of the lab image as a folder, read from its file system without mounting it.
unpack_lab() {
  local root=$1 start mode path
  qemu-img convert -f qcow2 -O raw "$(lab_image)/disk.qcow2" "$WORK/lab.raw"
  start=$(sfdisk -d "$WORK/lab.raw" | sed -n 's/.*start= *\([0-9]*\),.*name="lab-root".*/\1/p')
  [ -n "$start" ] || die "the lab image has no partition named lab-root" "see lab_disk in images/lab/variants/lab.sh"
  mkdir "$root"
  # The quotes are debugfs's own. It ends well whatever happened, so what it said is the judge, and rpm below.
  debugfs -R "rdump / \"$root\"" "$WORK/lab.raw?offset=$((start * 512))" >"$WORK/rdump.log" 2>&1
  if grep -v '^debugfs [0-9]' "$WORK/rdump.log" >&2; then die "the lab image's file system could not be read" "the lines above are from debugfs"; fi
  rm -rf "$WORK/lab.raw" "$root/lost+found"
  # It sets the owner last, which takes the bits for other users' rights and the sticky one away.
  chroot "$root" rpm -qa --qf '[%{FILEMODES:octal} %{FILENAMES}\n]' |
    sed -nE 's/^[0-9]*([1-7][0-7]{3}) /\1 /p' | while read -r mode path; do
    [ -L "$root$path" ] || [ ! -e "$root$path" ] || chmod "$mode" "$root$path"
  done
  chmod 1777 "$root/tmp"
  chmod 2755 "$root/var/log/journal"
  chmod 2775 "$root/var/mail"
  verify_rpms "$root"
}

# verify_rpms ROOT [PATTERN]: every file is as its package says, but for those the lab or the pattern explains.
verify_rpms() {
  local found
  found=$(chroot "$1" rpm -Va --nomtime 2>&1 | grep -vE "$(cut -f1 "$LAB/rpm-distribution/expected-verify" | grep -v '^#' | paste -sd'|')${2:+|$2}" || true)
  [ -z "$found" ] || { printf '%s\n' "$found" | head -n 40 >&2; die "rpm -Va reports the files above" "the variant changes what it should not, or does not say so"; }
}

# change_packages ROOT WHAT COMMAND…: runs rpm in the root. A scriptlet that fails after a package was installed or removed
# is only a warning of rpm, which ends with 0 then; what the script was to set up is missing all the same.
change_packages() {
  local root=$1 what=$2 ended=0
  shift 2
  # rpm's plugin `unshare` takes / for a mount point, which the root of a chroot is not, and no scriptlet runs then.
  chroot "$root" sh -c "rpm() { command rpm --define '__transaction_unshare %{nil}' \"\$@\"; }; $*" >"$WORK/packages.log" 2>&1 || ended=$?
  if [ "$ended" = 0 ] && ! grep -q 'scriptlet failed' "$WORK/packages.log"; then return 0; fi
  tail -n 20 "$WORK/packages.log" >&2
  die "$what" "the lines above are from rpm"
}

# derived_manifest KERNEL FIRMWARE SEEDS: what such a build says about itself; lists as they stand between brackets in JSON.
derived_manifest() {
  cat <<J
{
  "schema": "muster-lab-image/v1",
  "variant": "$variant",
  "key": "$key",
  "built": "$(date -u +%Y-%m-%dT%H:%M:%SZ)",
  "kernel": "$1",
  "firmware": [$2],
  "seeds": [$3],
  "verified": ["what the lab image it is made from was verified for"]
}
J
}
