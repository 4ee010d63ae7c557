# Disks without loop devices or mounts: file systems are made from folders and copied into a partition table.
# shellcheck shell=bash

MIB=$((1024 * 1024))

# make_esp FILE MIB FOLDER: a FAT file system holding the folder's contents.
make_esp() {
  truncate -s "${2}M" "$1"
  mkfs.vfat -F 32 -s 1 -n ESP "$1" >/dev/null
  # mtools reads a user's configuration otherwise, and asks questions when a name exists.
  MTOOLSRC=/dev/null mcopy -Q -s -o -i "$1" "$3"/* ::/
}

# put FILE IMAGE OFFSET: copies a partition's contents in, leaving holes as holes.
put() { dd if="$1" of="$2" bs=1M seek="$(($3 / MIB))" conv=notrunc,sparse status=none; }

# to_qcow2 RAW QCOW2: compressed; zstd costs the guest less to read than the default zlib.
to_qcow2() { qemu-img convert -f raw -O qcow2 -c -o compression_type=zstd "$1" "$2"; }
