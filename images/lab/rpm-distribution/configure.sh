# Turns the Debian root into the lab distribution, before anything is packaged: what is changed here is what the rpms record.
# shellcheck shell=bash

# configure_root ROOT RPM-DISTRIBUTION-FOLDER
configure_root() {
  local root=$1 recipe=$2 kernel file
  kernel=$(kernel_release "$root")

  cp -r --no-preserve=mode,ownership "$recipe/overlay/." "$root/"
  ln -sfn ../usr/lib/os-release "$root/etc/os-release"
  # These say Debian, and programs believe them.
  rm -f "$root/etc/debian_version" "$root"/etc/apt/sources.list "$root/etc/dpkg/origins/default"
  printf 'muster lab 1 \\n \\l\n\n' >"$root/etc/issue"
  printf 'muster lab 1\n' >"$root/etc/issue.net"
  : >"$root/etc/motd"

  # Identity is made at the first boot.
  : >"$root/etc/machine-id"
  # systemd writes the id into the file and keeps its mode; nobody edits it.
  chmod 444 "$root/etc/machine-id"
  rm -f "$root"/var/lib/dbus/machine-id "$root"/etc/ssh/ssh_host_* "$root/etc/resolv.conf" "$root/var/lib/systemd/random-seed"
  rm -f "$root"/etc/*- "$root"/etc/.pwd.lock "$root"/etc/.resolv.conf.systemd-resolved.bak
  ln -s ../run/systemd/resolve/stub-resolv.conf "$root/etc/resolv.conf"
  echo lab >"$root/etc/hostname"
  printf '127.0.0.1\tlocalhost\n::1\t\tlocalhost ip6-localhost ip6-loopback\n' >"$root/etc/hosts"
  printf 'LABEL=lab-root / ext4 defaults 0 1\nLABEL=ESP /boot/efi vfat umask=0077 0 0\n' >"$root/etc/fstab"
  # mmdebstrap copies these from the host, modes included.
  chmod 644 "$root"/etc/{hostname,hosts,fstab}
  mkdir -p "$root/boot/efi"
  # Nobody but root has a shell.
  sed -i '/^sync:/s#:/bin/sync$#:/usr/sbin/nologin#' "$root/etc/passwd"
  chroot "$root" usermod --lock --password '*' root 2>/dev/null || sed -i 's/^root:[^:]*:/root:*:/' "$root/etc/shadow"
  sed -i -E '/^#?(UMASK|HOME_MODE)[[:space:]]/d' "$root/etc/login.defs"
  printf 'UMASK\t\t027\nHOME_MODE\t0700\n' >>"$root/etc/login.defs"
  # A repository that is gone must be seen, not passed over.
  sed -i '/^skip_if_unavailable/d' "$root/etc/dnf/dnf.conf"
  sed -i '/^dhcpcd:/d' "$root"/etc/{passwd,shadow,group,gshadow}
  # One would index every package it sees, with a program that is not there; the other prints after every transaction.
  rm -f "$root"/usr/lib/python3/dist-packages/dnf-plugins/{local,show_leaves}.py "$root"/usr/lib/python3/dist-packages/dnf-plugins/__pycache__/{local,show_leaves}.* \
    "$root/etc/dnf/plugins/local.conf"
  cp "$root/boot/config-$kernel" "$root/usr/lib/modules/$kernel/config"

  # Enablement follows the presets alone, not what Debian's maintainer scripts did.
  find "$root/etc/systemd/system" "$root/etc/systemd/user" -mindepth 1 -delete
  rm -rf "$root"/etc/rc?.d "$root"/etc/init.d
  mkdir -p "$root/etc/systemd/system"
  systemctl_in_root "$root" preset-all
  systemctl_in_root "$root" set-default multi-user.target

  # A small initramfs: the disk buses a machine may have, and the root file system's driver is built in.
  cat >"$root/etc/initramfs-tools/conf.d/lab" <<'C'
MODULES=list
COMPRESS=zstd
C
  printf '%s\n' virtio_blk virtio_scsi ahci sd_mod nvme virtio_pci dm_mod dm_verity overlay >"$root/etc/initramfs-tools/modules"
  chroot "$root" update-initramfs -u -k "$kernel" >/dev/null

  rm -f "$root"/{vmlinuz,initrd.img}{,.old} "$root/usr/share/info/dir"
  for file in "$root"/var/log/*.log "$root"/var/log/apt "$root"/var/cache/ldconfig "$root"/var/cache/debconf; do rm -rf "$file"; done
}

# The image's own systemctl, so that the host needs none and both agree on what a unit is.
systemctl_in_root() { local root=$1; shift; chroot "$root" env SYSTEMD_OFFLINE=1 systemctl "$@" >/dev/null 2>&1 || chroot "$root" env SYSTEMD_OFFLINE=1 systemctl "$@"; }

# drop_debian ROOT DROPPED ADMIN: moves dpkg's database to ADMIN and removes the packages that are not part of the distribution.
drop_debian() {
  local root=$1 dropped=$2 admin=$3 keep path name
  cp -r "$root/var/lib/dpkg" "$admin"
  # A path goes only when no kept package lists it too.
  keep=$WORK/kept-paths
  awk '!/^#/ && NF { print $1 }' "$dropped" | sort >"$WORK/dropped-names"
  for path in "$admin"/info/*.list; do
    name=$(basename "$path" .list)
    if grep -qxF "${name%%:*}" "$WORK/dropped-names"; then cat "$path" >&3; else cat "$path" >&4; fi
  done 3>"$WORK/dropped-paths" 4>"$keep"
  sort -u -o "$keep" "$keep"
  comm -23 <(sort -u "$WORK/dropped-paths") "$keep" | sort -r | while read -r path; do
    if [ -d "$root$path" ] && [ ! -L "$root$path" ]; then
      rm -rf "$root$path/__pycache__"
      rmdir --ignore-fail-on-non-empty "$root$path"
    else
      rm -f "$root$path"
    fi
  done
  rm -rf "$root"/var/lib/{dpkg,apt,ucf,pam,shells.state,dhcpcd,grub} "$root"/var/lib/systemd/deb-systemd-* "$root"/etc/{apt,dpkg,ucf.conf,ca-certificates/update.d} "$root"/var/cache/apt "$root"/var/backups
  rm -rf "$root"/usr/lib/{dpkg,apt} "$root"/usr/share/{debconf,lintian}
  # Links to programs that went with them.
  find "$root"/{usr,etc/alternatives} -xtype l -print | while read -r path; do
    case $(readlink "$path") in /proc/* | /run/* | /dev/* | ../run/*) ;; *) chroot_exists "$root" "$path" || rm -f "$path" ;; esac
  done
}

# chroot_exists ROOT LINK: whether a link, which may be absolute, leads somewhere inside the root.
chroot_exists() { chroot "$1" test -e "${2#"$1"}"; }
