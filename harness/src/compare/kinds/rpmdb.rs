//! Whether there is an RPM database at all, which several kinds have to know before they read it.

use crate::check::{Observations, Probe};
use crate::compare::kind::Part;

const KEY: &str = "compare/rpm";

/// busybox has an applet of that name that is no rpm, and a shell may know it without a path. A database
/// without the program that reads it is an error, not a system without packages.
const SCRIPT: &str = r#"f=$(command -v rpm 2>/dev/null) || f=
case $f in /*) ;; *) f= ;; esac
b=$(command -v busybox 2>/dev/null) && [ -n "$f" ] && [ "$f" -ef "$b" ] && f=
[ -z "$f" ] || { echo there; exit 0; }
for d in /usr/lib/sysimage/rpm /var/lib/rpm; do
  for file in "$d/rpmdb.sqlite" "$d/Packages" "$d/Packages.db"; do
    [ ! -e "$file" ] || { echo "$file is there, and no rpm to read it" >&2; exit 1; }
  done
done
echo 'muster-absent neither rpm nor an RPM database is installed'"#;

pub(super) fn probe() -> Probe {
    Probe::new(KEY, 20, SCRIPT)
}

/// `None` when there is one; else the part that there is not.
pub(super) fn missing(seen: &Observations) -> Result<Option<Part>, String> {
    match super::answer(seen, KEY)? {
        Err(absent) => Ok(Some(absent)),
        Ok(text) if text.trim() == "there" => Ok(None),
        Ok(text) => Err(super::strange(&text)),
    }
}

/// Answers of a system that has a database, for tests.
#[cfg(test)]
pub(super) const THERE: (&str, &str) = (KEY, "there\n");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::testing::seen;

    #[test]
    fn only_what_the_script_states_is_believed() {
        assert_eq!(missing(&seen(&[THERE])), Ok(None));
        let absent = missing(&seen(&[(KEY, "muster-absent neither\n")])).unwrap();
        assert_eq!(absent, Some(Part::Absent("neither".into())));
        assert!(missing(&seen(&[(KEY, "")])).is_err() && missing(&seen(&[])).is_err());
    }
}
