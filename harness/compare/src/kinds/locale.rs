//! Locales that programs can use.

use super::answer;
use crate::error::KindError;
use crate::item::{Field, Item, Items, Part};
use crate::kind::{FactKind, Scope};
use muster_base::text;
use muster_check::{Observations, Probe};

/// The kind.
pub(crate) struct Locale;

const KEY: &str = "compare/locales";

/// Without `locale`, the directories of glibc's locales tell the same, unless there is an archive of them,
/// which only programs of glibc can read.
const SCRIPT: &str = r#"if command -v locale >/dev/null 2>&1; then locale -a && echo '= end'; exit; fi
d=/usr/lib/locale
[ ! -e "$d/locale-archive" ] || { echo "$d/locale-archive is there, and no locale command to read it" >&2; exit 1; }
[ -d "$d" ] || { echo "muster-absent neither the locale command nor $d is there"; exit 0; }
for f in "$d"/*; do [ ! -d "$f" ] || printf '%s\n' "${f##*/}"; done
echo '= end'"#;

impl FactKind for Locale {
    fn name(&self) -> &'static str {
        "locale"
    }

    fn what(&self) -> &'static str {
        "locales"
    }

    fn fields(&self) -> &'static [Field] {
        &[]
    }

    fn probes(&self, _: &Scope) -> Vec<Probe> {
        vec![Probe::new(KEY, 30, SCRIPT)]
    }

    fn parse(&self, seen: &Observations) -> Result<Part, KindError> {
        let list = match answer::listed(seen, KEY)? {
            Ok(list) => list,
            Err(absent) => return Ok(absent),
        };
        let name = |line: &str| (text::one_line(line, 200), Item::new());
        Ok(Part::Known(list.lines().filter(|line| !line.trim().is_empty()).map(name).collect::<Items>()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{known, seen};

    #[test]
    fn a_list_that_was_cut_is_not_a_list() {
        let items = known(Locale.parse(&seen(&[(KEY, "C\nC.utf8\nPOSIX\n= end\n")])));
        assert_eq!(items.keys().collect::<Vec<_>>(), ["C", "C.utf8", "POSIX"]);
        assert!(Locale.parse(&seen(&[(KEY, "C\nC.utf8\n")])).is_err());
        assert!(matches!(Locale.parse(&seen(&[(KEY, "muster-absent none\n")])), Ok(Part::Absent(_))));
    }
}
