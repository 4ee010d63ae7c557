# What the host tells this machine: root's key, and what to provoke. Sourced by /init.

# The SMBIOS type 11 strings, one a line. The first carries the table's header in front, hence the leading .* below.
oem_strings() { cat /sys/firmware/dmi/entries/11-*/raw 2>/dev/null | tr '\0' '\n'; }

# bytes DISK OFFSET COUNT
bytes() { dd if="$1" bs=1 skip="$2" count="$3" 2>/dev/null; }

# The user-data of a NoCloud disk, if there is one. This busybox has no blkid, so file systems are told by their magic words,
# and the drivers are loaded only when there is something for them to read.
user_data() {
  local disk kind
  for disk in /sys/block/*; do
    disk=/dev/${disk##*/}
    case $(bytes "$disk" 54 3)/$(bytes "$disk" 82 3)/$(bytes "$disk" 32769 5) in
      FAT/* | */FAT/*) kind=vfat ;;
      */CD001) kind=iso9660 ;;
      *) continue ;;
    esac
    modprobe -aq nls_ascii nls_cp437 vfat isofs
    mount -t "$kind" -o ro "$disk" /mnt 2>/dev/null || continue
    [ ! -f /mnt/meta-data ] || cat /mnt/user-data 2>/dev/null
    umount /mnt
  done
}

# keys: root's keys from a systemd credential, or from any ssh_authorized_keys entry.
keys() {
  oem_strings | sed -n "s/^.*io\.systemd\.credential\.binary:ssh\.authorized_keys\.root=//p" | base64 -d
  oem_strings | sed -n "s/^.*io\.systemd\.credential:ssh\.authorized_keys\.root=//p"
  echo
  user_data | sed -n "s/^[[:space:]]*-[[:space:]]*[\"']\{0,1\}\(\(ssh-\|ecdsa-\|sk-\)[^\"']*\)[\"']\{0,1\}[[:space:]]*$/\1/p"
}

# authorize_root: takes over what the seed says. Without a key nobody can log in.
authorize_root() {
  local tries=0
  umask 077
  until keys 2>/dev/null | grep . >/root/.ssh/authorized_keys; do
    # SCSI and SATA look for their disks in the background, and the seed may be on one that is not there yet.
    [ -n "$(ls /sys/class/scsi_host 2>/dev/null)" ] && [ "$tries" -lt 6 ] || break
    sleep 0.5
    tries=$((tries + 1))
  done
  umask 022
}

# ssh_listen: makes the host key, starts sshd without passwords, and says on the console when it listens.
ssh_listen() {
  mkdir -p /etc/dropbear
  dropbearkey -t ed25519 -f /etc/dropbear/dropbear_ed25519_host_key >/run/host-key 2>&1
  # Forks only once its socket listens, so what follows is true.
  dropbear -s -j -k -r /etc/dropbear/dropbear_ed25519_host_key -P /run/dropbear.pid
  # The frame cloud-init uses, so that one reader serves both.
  echo '-----BEGIN SSH HOST KEY KEYS-----'
  grep '^ssh-' /run/host-key
  echo '-----END SSH HOST KEY KEYS-----'
  echo 'muster-lab-tiny ready'
}

# provoke: does on purpose what tests need to see, asked for by an SMBIOS string muster.lab-tiny=WORD.
provoke() {
  case $(oem_strings | sed -n 's/^.*muster\.lab-tiny=\([a-z-]*\).*/\1/p') in
    panic) echo c >/proc/sysrq-trigger ;;
    poweroff) finish poweroff ;;
    reboot) finish reboot ;;
    kill-sshd) kill "$(cat /run/dropbear.pid)" ;;
  esac
}
