//! Whose packages the system's own are, which several kinds have to know before they read them.

use super::answer;
use crate::error::KindError;
use crate::item::Part;
use muster_check::{Observations, Probe};
use muster_guest::facts::OWN_IS_DPKG;

const KEY: &str = "compare/database";

/// busybox has an applet called rpm that is none, and a shell may
/// know it without a path. A database without the program that reads it is an error, and so is another
/// package manager: only where nothing of any is found has the system no packages.
const SCRIPT: &str = r#"f=$(command -v rpm 2>/dev/null) || f=
case $f in /*) ;; *) f= ;; esac
b=$(command -v busybox 2>/dev/null) && [ -n "$f" ] && [ "$f" -ef "$b" ] && f=
own_is_dpkg && { echo dpkg; exit 0; }
[ -z "$f" ] || { echo rpm; exit 0; }
for d in /usr/lib/sysimage/rpm /var/lib/rpm; do
  for file in "$d/rpmdb.sqlite" "$d/Packages" "$d/Packages.db"; do
    [ ! -e "$file" ] || { echo "$file is there, and no rpm to read it" >&2; exit 1; }
  done
done
for file in /var/lib/dpkg/status /var/lib/dpkg/status.d/*; do
  [ ! -s "$file" ] || { echo "$file is there, and no dpkg-query to read it" >&2; exit 1; }
done
while read -r name program place; do
  if command -v "$program" >/dev/null 2>&1 || [ -e "$place" ]; then echo "foreign $name"; exit 0; fi
done <<END
pacman pacman /var/lib/pacman/local
apk apk /lib/apk/db/installed
apk apk /usr/lib/apk/db/installed
portage emerge /var/db/pkg
opkg opkg /usr/lib/opkg/status
opkg opkg /var/lib/opkg/status
xbps xbps-install /var/db/xbps
nix nix-env /nix/store
eopkg eopkg /var/lib/eopkg
slackpkg slackpkg /var/lib/pkgtools
swupd swupd /usr/share/clear
guix guix /gnu/store
END
echo 'muster-absent no database of rpm, dpkg, pacman, apk, portage, opkg, xbps, nix, eopkg, pkgtools, swupd or guix is there'"#;

/// Whose packages they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Database {
    /// rpm's.
    Rpm,
    /// dpkg's.
    Dpkg,
    /// Those of a package manager that muster does not read.
    Foreign(String),
}

pub(super) fn probe() -> Probe {
    Probe::new(KEY, 60, format!("{OWN_IS_DPKG}{SCRIPT}"))
}

/// The database, or as `Err` the part that there is none.
pub(super) fn of(seen: &Observations) -> Result<Result<Database, Part>, KindError> {
    let text = match answer::answer(seen, KEY)? {
        Err(absent) => return Ok(Err(absent)),
        Ok(text) => text,
    };
    Ok(Ok(match text.trim() {
        "rpm" => Database::Rpm,
        "dpkg" => Database::Dpkg,
        other => match other.strip_prefix("foreign ") {
            Some(name) if !name.contains(char::is_whitespace) => Database::Foreign(name.to_owned()),
            _ => return Err(answer::strange(&text)),
        },
    }))
}

/// Answers of a system whose packages are rpm's, for tests.
#[cfg(test)]
pub(super) const RPM: (&str, &str) = (KEY, "rpm\n");
/// Answers of a system whose packages are dpkg's, for tests.
#[cfg(test)]
pub(super) const DPKG: (&str, &str) = (KEY, "dpkg\n");
/// Answers of a system whose packages are pacman's, for tests.
#[cfg(test)]
pub(super) const PACMAN: (&str, &str) = (KEY, "foreign pacman\n");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::seen;
    use muster_check::testing::on_this_host;

    #[test]
    fn only_what_the_script_states_is_believed() {
        assert_eq!(of(&seen(&[RPM])), Ok(Ok(Database::Rpm)));
        assert_eq!(of(&seen(&[PACMAN])), Ok(Ok(Database::Foreign("pacman".into()))));
        let absent = of(&seen(&[(KEY, "muster-absent none\n")])).unwrap();
        assert_eq!(absent, Err(Part::Absent("none".into())));
        assert!(of(&seen(&[(KEY, "")])).is_err() && of(&seen(&[])).is_err());
        assert!(of(&seen(&[(KEY, "foreign a b\n")])).is_err());
    }

    #[test]
    fn a_host_with_packages_of_dpkg_and_an_empty_database_of_rpm_is_dpkg_s() {
        if muster_check::testing::this_host_lacks("/usr/bin/dpkg-query") {
            return;
        }
        assert_eq!(of(&on_this_host(&[probe()])), Ok(Ok(Database::Dpkg)));
    }
}
