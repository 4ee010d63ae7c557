//! The probes that learn what a guest is: POSIX sh, builtins and `cat` where they suffice. None of
//! them changes the guest, and each says nothing, with status 0, about what is simply not there.

use std::time::Duration;

use crate::reply::Request;
use muster_record::facts::TOOLS;

/// Bytes of an answer that are read.
const LIMIT: usize = 1 << 20;

/// A function of the shell that tells whether the system's own packages are dpkg's. Where rpm has a database
/// too, the one with more packages counts: rpm can be installed on Debian, and dpkg on Fedora. busybox has no
/// dpkg-query. The formats print one character a package, which the shell counts.
pub const OWN_IS_DPKG: &str = r#"own_is_dpkg() {
  command -v dpkg-query >/dev/null 2>&1 || return 1
  n=$(dpkg-query -W -f x 2>/dev/null) || return 1
  [ -n "$n" ] || return 1
  r=
  command -v rpm >/dev/null 2>&1 && { r=$(rpm -qa --qf x 2>/dev/null) || r=; }
  [ "${#r}" -le "${#n}" ]
}
"#;

/// Number of each probe in [`requests`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub(super) enum Probe {
    OsRelease,
    Kernel,
    Systemd,
    Tools,
    PackageManagers,
    Rpm,
    Dpkg,
    Selinux,
    Mounts,
    Places,
    Devices,
    Repositories,
    Journal,
    Openssl,
}

/// Every probe with its name for messages, in the order of [`Probe`].
pub(super) const PROBES: &[(Probe, &str)] = &[
    (Probe::OsRelease, "os-release"),
    (Probe::Kernel, "the kernel's release"),
    (Probe::Systemd, "systemd's version"),
    (Probe::Tools, "the commands on the path"),
    (Probe::PackageManagers, "the package managers"),
    (Probe::Rpm, "the rpm database"),
    (Probe::Dpkg, "the database of dpkg"),
    (Probe::Selinux, "SELinux"),
    (Probe::Mounts, "/proc/self/mountinfo"),
    (Probe::Places, "files that show capabilities"),
    (Probe::Devices, "block devices that show capabilities"),
    (Probe::Repositories, "the repositories"),
    (Probe::Journal, "the journal"),
    (Probe::Openssl, "the providers of OpenSSL"),
];

/// The whole batch. `scale` stretches the time-outs.
pub fn requests(scale: f64) -> Vec<Request> {
    let timeout = Duration::from_secs(20).mul_f64(if scale.is_finite() { scale.clamp(1.0, 60.0) } else { 1.0 });
    PROBES.iter().map(|(probe, _)| Request { script: script(*probe), timeout, limit: LIMIT }).collect()
}

fn script(probe: Probe) -> String {
    match probe {
        Probe::OsRelease => {
            "for f in /etc/os-release /usr/lib/os-release; do [ ! -e $f ] || { echo \"# $f\"; cat $f; break; }; done"
        }
        Probe::Kernel => {
            "uname -m && cat /proc/sys/kernel/osrelease /proc/sys/kernel/random/boot_id"
        }
        // The directory is systemd's own sign that it is the init of this boot.
        Probe::Systemd => "if [ -d /run/systemd/system ]; then echo init; systemctl --version; fi",
        Probe::Tools => {
            let tools = TOOLS.join(" ");
            return format!("for t in {tools} cloud-init containerd crio; do command -v $t >/dev/null 2>&1 && echo $t; done; :");
        }
        // Starting dnf4 means starting Python, which takes seconds under emulation, so its version is
        // only asked when neither the link nor the first line tells what `dnf` is.
        Probe::PackageManagers => {
            r#"for p in dnf5 dnf tdnf microdnf; do
  f=$(command -v $p 2>/dev/null) || continue
  case $p in
    dnf) five=$(command -v dnf5 2>/dev/null) && [ "$f" -ef "$five" ] && { echo dnf link; continue; }
      IFS= read -r first <"$f" || :
      case $first in
        '#!'*python*) echo dnf python ;;
        *) echo "dnf version" $(dnf --version 2>&1 | { IFS= read -r line; echo "$line"; }) ;;
      esac ;;
    *) echo $p ;;
  esac
done 2>/dev/null
for p in apt-get zypper pacman apk emerge opkg xbps-install nix-env eopkg slackpkg swupd; do
  command -v $p >/dev/null 2>&1 && echo $p
done; :"#
        }
        // busybox has an applet of the same name that is not rpm at all; its shell may know it without
        // a path. The pipe is closed after one line, which ends rpm. A database that is there and cannot be
        // read must not look like none, so its files are reported too.
        Probe::Rpm => {
            r#"f=$(command -v rpm 2>/dev/null) || exit 0
case $f in /*) ;; *) echo busybox; exit 0 ;; esac
b=$(command -v busybox 2>/dev/null) && [ "$f" -ef "$b" ] && { echo busybox; exit 0; }
echo installed
rpm --version || exit 1
rpm -qa 2>/dev/null | { read -r one && echo "package $one"; }
for f in /usr/lib/sysimage/rpm/* /var/lib/rpm/* /usr/share/rpm/*; do
  case $f in */rpmdb.sqlite|*/Packages|*/Packages.db) [ -s "$f" ] && echo "database $f" ;; esac
done; :"#
        }
        Probe::Dpkg => return format!("{OWN_IS_DPKG}own_is_dpkg || exit 0\ndpkg-query --version"),
        Probe::Selinux => {
            r#"while read -r a b; do [ "$a $b" != "nodev selinuxfs" ] || echo kernel; done </proc/filesystems
if [ -r /sys/fs/selinux/enforce ]; then read -r e </sys/fs/selinux/enforce || [ -n "$e" ] && echo "enforce $e"; fi
if [ -r /proc/self/attr/current ]; then read -r c </proc/self/attr/current 2>/dev/null || :; echo "context $c"; fi
command -v getenforce >/dev/null 2>&1 && echo "getenforce $(getenforce 2>/dev/null)"; :"#
        }
        Probe::Mounts => "cat /proc/self/mountinfo",
        Probe::Places => {
            r#"[ -d /sys/firmware/efi ] && echo efi
[ -w /usr ] && echo writable-usr
[ -e /etc/crypto-policies/config ] && echo crypto-policies
read -r r </proc/sys/kernel/osrelease
for f in "/lib/modules/$r/config" "/boot/config-$r" /proc/config.gz; do
  [ -r "$f" ] && echo "kconfig $f"
done
[ -e /run/ostree-booted ] && echo ostree
# bootc deploys through ostree, or by itself with the digest of the tree on the command line.
if command -v bootc >/dev/null 2>&1; then
  IFS= read -r c </proc/cmdline || [ -n "$c" ] || { echo '/proc/cmdline cannot be read' >&2; exit 1; }
  case " $c " in *' ostree='*|*' composefs='*) echo bootc ;; esac
fi
[ -e /sys/class/tpm/tpm0 ] && echo tpm
for f in /etc/.ignition-result.json /usr/libexec/ignition /usr/bin/ignition /usr/lib/dracut/modules.d/*ignition*/ignition; do
  [ -e "$f" ] && echo ignition && break
done
for d in /etc /run /var/lib /usr/lib /usr/local/lib; do
  for f in $d/extensions/* $d/confexts/*; do [ -e "$f" ] && echo sysext && break 2; done
done
# Every UEFI has BootOrder or SecureBoot; without either the directory is only a mount point.
if [ -d /sys/firmware/efi ]; then
  u=/sys/firmware/efi/efivars
  for f in $u/BootOrder-* $u/SecureBoot-*; do [ -e "$f" ] && u= && break; done
  for f in /sys/firmware/efi/efivars/SecureBoot-*; do [ ! -e "$f" ] || [ -r "$f" ] || u=$f; done
  [ -z "$u" ] || echo "unread secure-boot the EFI variables in $u cannot be read"
  # What systemd-stub leaves for the kernel that it has started; where no variable is seen, nobody knows.
  for f in /sys/firmware/efi/efivars/StubInfo-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f; do [ -e "$f" ] && echo uki; done
  [ "$u" != /sys/firmware/efi/efivars ] || echo "unread uki the EFI variables in $u cannot be read"
fi
# Four bytes of attributes, then 0 or 1; the shell leaves out what is 0.
for f in /sys/firmware/efi/efivars/SecureBoot-*; do
  [ -r "$f" ] || continue
  v=$(cat "$f" 2>/dev/null) || continue
  case $v in '') echo 'cat prints nothing of the variable SecureBoot' >&2; exit 1 ;; *"$(printf '\001')") echo secure-boot ;; esac
done; :"#
        }
        // The same word as the check `deployment` looks for, and the names of the partitions.
        Probe::Devices => {
            r#"c=; IFS= read -r c </proc/cmdline || [ -n "$c" ] || { echo '/proc/cmdline cannot be read' >&2; exit 1; }
case " $c " in *[\ .]usrhash=*|*' roothash='*|*root_hexdigest=*) echo root-hash ;; esac
for d in /sys/class/block/*; do
  if [ -r "$d/dm/uuid" ]; then
    read -r u <"$d/dm/uuid"; read -r n <"$d/dm/name"
    case $u in CRYPT-VERITY-*) echo "verity /dev/${d##*/}"; echo "verity /dev/mapper/$n" ;; esac
  elif [ -r "$d/uevent" ]; then
    while IFS= read -r l; do case $l in PARTNAME=*) echo "partition ${l#*=}" ;; esac; done <"$d/uevent"
  fi
done; :"#
        }
        Probe::Repositories => {
            r#"for f in /etc/yum.repos.d/*.repo /etc/distro.repos.d/*.repo /usr/share/dnf5/repos.d/*.repo; do
  [ -r "$f" ] && printf '# %s\n' "$f" && cat "$f" && echo
done; :"#
        }
        Probe::Journal => {
            // Without `-q` it says that there is nothing. The newest message may be empty, an entry as JSON is not.
            r#"command -v journalctl >/dev/null 2>&1 || exit 0
s=$(journalctl -b -n 1 -o json --no-pager 2>&1); c=$?
case $s in *'"__CURSOR"'*) echo readable; exit ;; ?*) exit 0 ;; esac
# Without journal files some versions say nothing; how much space those take they all say.
[ $c -ne 0 ] || [ -n "$(journalctl --disk-usage 2>&1)" ] || { echo 'journalctl prints nothing' >&2; exit 1; }; :"#
        }
        // What a provider is, is its module. The program is started only where no directory of modules is in its usual place. A library
        // before 3 has engines and no providers.
        Probe::Openssl => {
            r#"l= m=
for f in /usr/lib64/libcrypto.so.* /usr/lib/libcrypto.so.* /usr/lib/*/libcrypto.so.* /lib64/libcrypto.so.* /lib/libcrypto.so.* /lib/*/libcrypto.so.*; do
  [ -e "$f" ] || continue
  case ${f##*/libcrypto.so.} in 0*|1*|2*) ;; *) l=1; break ;; esac
done
look() {
  [ -d "$1" ] || return 0
  m=1
  [ -r "$1" ] && [ -x "$1" ] || { echo "unread $1"; return 0; }
  for f in "$1"/*.so; do { [ -e "$f" ] || [ -L "$f" ]; } && echo "module ${f##*/}"; done; :
}
for d in /usr/lib64/ossl-modules /usr/lib/ossl-modules /usr/lib/*/ossl-modules; do look "$d"; done
if [ -z "$m" ] && command -v openssl >/dev/null 2>&1; then
  d=$(openssl version -m 2>/dev/null) && case $d in
    'MODULESDIR: "/'*) l=1; d=${d#*\"}; d=${d%\"*}; if [ -d "$d" ]; then look "$d"; fi ;;
  esac
fi
[ -z "$l$m" ] || echo openssl; :"#
        }
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probes_stand_in_the_order_of_their_numbers() {
        for (index, (probe, _)) in PROBES.iter().enumerate() {
            assert_eq!(*probe as usize, index);
        }
        assert_eq!(requests(2.0)[0].timeout, Duration::from_secs(40));
        assert_eq!(requests(f64::NAN).len(), PROBES.len());
    }
}
