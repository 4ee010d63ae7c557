# What the lab-tiny images of all architectures share: one initramfs with busybox, dropbear and the drivers of a virtual machine.
# shellcheck shell=bash

# shellcheck source=loader.sh
. "$LAB/lib/loader.sh"

# What a virtual machine may need, with either kind of seed. Bus modules come with what they depend on.
TINY_MODULES=(virtio_net virtio_blk virtio_scsi ahci sd_mod virtio-rng button evdev vfat nls_ascii nls_cp437 isofs)

# tiny_initramfs TOOLS LOADER: writes $WORK/initrd.img from the packages in $WORK/debian. Programs that have to run here come from
# TOOLS, a tree of this host's own architecture; LOADER is where the image's programs look for their dynamic loader.
tiny_initramfs() {
  local tools=$1 from=$WORK/debian root=$WORK/tiny applet
  mkdir -p "$root"/{bin,sbin,lib,lib64,usr/bin,usr/sbin,usr/lib,etc,root/.ssh,proc,sys,dev,run,tmp,mnt}
  cp "$from/usr/bin/busybox" "$root/bin/busybox"
  "$tools/usr/bin/busybox" --list-full >"$WORK/applets"
  while read -r applet; do
    mkdir -p "$root/$(dirname "$applet")"
    ln -sf /bin/busybox "$root/$applet"
  done < <(grep -v '^bin/busybox$' "$WORK/applets")

  cp "$from"/usr/sbin/dropbear "$from"/usr/bin/dropbearkey "$root/usr/sbin/"
  libraries "$from" "$from/usr/sbin/dropbear" | sort -u | while read -r library; do
    case $library in
      ld-linux*) cp -L "$from"/usr/lib/*-linux-gnu/"$library" "$root$2" ;;
      *) cp -L "$from"/usr/lib/*-linux-gnu/"$library" "$root/usr/lib/" ;;
    esac
  done

  # Overlay last: it replaces applets of the same name on purpose.
  cp -r "$LAB/tiny/root/." "$root/"
  chmod 755 "$root/init" "$root"/usr/share/udhcpc/default.script
  chmod 700 "$root/root" "$root/root/.ssh"
  chmod 1777 "$root/tmp"
  tiny_modules "$tools" "$from" "$root"

  # Not compressed: reading it from the disk costs less under emulation than unpacking it.
  (cd "$root" && find . -print0 | LC_ALL=C sort -z | cpio --null --create --format=newc --owner=0:0 --reproducible --quiet) >"$WORK/initrd.img"
}

# libraries FROM PROGRAM: the names of all shared libraries that the program needs, read from the files, whatever they run on.
libraries() {
  local name
  readelf -d "$2" | sed -n 's/.*(NEEDED).*\[\(.*\)\]$/\1/p' | while read -r name; do
    printf '%s\n' "$name"
    case $name in ld-linux*) ;; *) libraries "$1" "$(echo "$1"/usr/lib/*-linux-gnu/"$name")" ;; esac
  done
}

# tiny_modules TOOLS FROM ROOT: the modules above and what they need, unpacked, since busybox reads them plain.
tiny_modules() {
  local folder=usr/lib/modules/$KERNEL module path
  find "$2/$folder" -name '*.ko.xz' -exec xz -dqq {} +
  loader "$1" --argv0 depmod "$1/usr/bin/kmod" -b "$2/usr" "$KERNEL"
  mkdir -p "$3/lib/modules/$KERNEL"
  for module in "${TINY_MODULES[@]}"; do
    path=$(awk -F: -v name="/$module.ko" '"/" $1 ~ name "$" { print $1 $2 }' "$2/$folder/modules.dep")
    if [ -z "$path" ]; then
      grep -q "/$module.ko\$" "$2/$folder/modules.builtin" ||
        die "module $module is not in kernel $KERNEL" "if it has gone for good, drop it from TINY_MODULES"
      continue
    fi
    # shellcheck disable=SC2086  # one path a word
    printf '%s\n' $path
  done | sort -u | while read -r path; do
    install -D -m 644 "$2/$folder/$path" "$3/lib/modules/$KERNEL/$path"
  done
  cp "$2/$folder"/modules.{order,builtin,builtin.modinfo} "$3/lib/modules/$KERNEL/"
  loader "$1" --argv0 depmod "$1/usr/bin/kmod" -b "$3" "$KERNEL"
}

# tiny_manifest FIRMWARE: what a build says about itself; the list of firmware as it stands between brackets in JSON.
tiny_manifest() {
  cat <<J
{
  "schema": "muster-lab-image/v1",
  "variant": "$variant",
  "key": "$key",
  "built": "$(date -u +%Y-%m-%dT%H:%M:%SZ)",
  "kernel": "$KERNEL",
  "seeds": ["systemd-credentials", "nocloud"],
  "packages": 0,
  "firmware": [$1],
  "verified": ["nothing at build time; see README.md"]
}
J
}
