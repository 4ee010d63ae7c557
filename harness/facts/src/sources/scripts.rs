//! What is run in the guest. POSIX sh, nothing is changed, and a failure is a status other than 0.

/// `name<TAB>evr<TAB>arch<TAB>vendor`, after the function that tells whose packages they are. rpm says nothing
/// and ends well when there is no database, so an empty answer is refused where it is read. What dpkg removed
/// and left the configuration of is not installed.
pub(super) const PACKAGES: &str = r#"if own_is_dpkg; then
  list=$(dpkg-query -W -f '${db:Status-Status}\t${Package}\t${Version}\t${Architecture}\t${Origin}\n') || exit 1
  printf '%s\n' "$list" | while IFS= read -r line; do
    case $line in not-installed*|config-files*) ;; *) printf '%s\n' "${line#*	}" ;; esac
  done
else
  rpm -qa --qf '%{NAME}\t%{EPOCHNUM}:%{VERSION}-%{RELEASE}\t%{ARCH}\t%{VENDOR}\n'
fi"#;

/// Columns by white space: unit, state, preset (systemd before 245 has no third).
pub(super) const UNITS: &str = "systemctl list-unit-files --no-legend --no-pager --plain --full";

/// `key = value`. sysctl reads everything in one process; without it, each file is read by cat,
/// since the `read` of some shells reads byte by byte and /proc/sys answers only the first read.
/// Both leave out what cannot be read; sysctl's status says only that there was such a file.
pub(super) const SYSCTL: &str = r#"if command -v sysctl >/dev/null 2>&1; then
  sysctl -a 2>/dev/null || :
else
  walk() {
    for entry in "$1"/*; do
      if [ -d "$entry" ]; then walk "$entry"
      elif value=$(cat "$entry" 2>/dev/null); then
        key=${entry#/proc/sys/}
        printf '%s\n' "$value" | while IFS= read -r line; do printf '%s = %s\n' "$key" "$line"; done
      fi
    done
  }
  walk /proc/sys
fi"#;

/// The configuration, from the first place that has it: those that the check `kconfig` reads, in its
/// order, and others where only a snapshot has looked so far.
pub(super) const KCONFIG: &str = r#"r=$(uname -r) || exit 1
for f in "/lib/modules/$r/config" "/usr/lib/modules/$r/config" "/boot/config-$r" "/usr/lib/kernel/config-$r" "/usr/lib/ostree-boot/config-$r" "/usr/boot/config-$r"; do
  if [ -r "$f" ]; then cat "$f" || exit 1; exit 0; fi
done
if [ -r /proc/config.gz ]; then
  gzip -dc /proc/config.gz || zcat /proc/config.gz || exit 1
  exit 0
fi
echo "no kernel configuration for $r in /lib/modules, /boot or /proc/config.gz" >&2
exit 1"#;

/// passwd(5) lines. getent knows users that are not in the file.
pub(super) const USERS: &str = "if command -v getent >/dev/null 2>&1; then getent passwd; else cat /etc/passwd; fi";

/// The kernel's own tables, each behind a line with its name. ss is not needed, and may be missing.
pub(super) const PORTS: &str = r#"for f in tcp tcp6 udp udp6; do
  if [ -r "/proc/net/$f" ]; then echo "= $f"; cat "/proc/net/$f" || exit 1; fi
done
[ -r /proc/net/tcp ]"#;
