//! systemd's unit files: whether they are enabled, and what the presets say.

use super::answer;
use super::owners::{self, Owners};
use crate::error::KindError;
use crate::item::{Field, Items, PACKAGE, Part, compared};
use crate::kind::{FactKind, Scope};
use muster_check::{Observations, Probe};
use muster_facts::sources as facts;
use muster_suite::model::SnapshotSource;

/// The kind.
pub(crate) struct Unit;

const FIELDS: &[Field] = &[
    compared("state", "`enabled`, `disabled`, `static`, `masked`…, as `systemctl list-unit-files` says."),
    compared("preset", "What the presets say; `-` where they say nothing."),
    PACKAGE,
];

const KEY: &str = "compare/systemd";

const SCRIPT: &str = r#"for d in /usr/lib/systemd/system /lib/systemd/system /run/systemd/system; do
  [ ! -d "$d" ] || { echo there; exit 0; }
done
if command -v systemctl >/dev/null 2>&1; then echo there
else echo 'muster-absent neither systemctl nor a directory of its units is there'; fi"#;

impl FactKind for Unit {
    fn name(&self) -> &'static str {
        "unit"
    }

    fn what(&self) -> &'static str {
        "unit files"
    }

    fn fields(&self) -> &'static [Field] {
        FIELDS
    }

    fn probes(&self, _: &Scope) -> Vec<Probe> {
        let mut probes = owners::probes();
        probes.push(Probe::new(KEY, 20, SCRIPT));
        probes.push(facts::probe(&SnapshotSource::Units));
        probes
    }

    fn parse(&self, seen: &Observations) -> Result<Part, KindError> {
        match answer::answer(seen, KEY)? {
            Err(absent) => return Ok(absent),
            Ok(text) if text.trim() == "there" => {}
            Ok(text) => return Err(answer::strange(&text)),
        }
        let owners = Owners::read(seen)?;
        let mut items = Items::new();
        for (unit, cells) in answer::table(seen, &SnapshotSource::Units)? {
            let mut places = ["/usr/lib/systemd/system", "/etc/systemd/system"].iter();
            let package =
                places.find_map(|place| Some(owners.of(&format!("{place}/{unit}"))).filter(|it| !it.is_empty()));
            let package = package.unwrap_or_default();
            items.insert(unit, answer::item([("state", &cells[1]), ("preset", &cells[2]), ("package", &package)]));
        }
        answer::some(items, "unit")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{known, seen};

    #[test]
    fn units_have_a_state_a_preset_and_a_package() {
        let mut answers = seen(&[
            (KEY, "there\n"),
            ("snapshot units", "sshd.service enabled enabled\na.mount generated -\nrun-x.scope transient -\n"),
        ]);
        answers.0.extend(seen(&owners::answers("openssh-server\t/usr/lib/systemd/system/sshd.service\n")).0);
        let items = known(Unit.parse(&answers));
        assert_eq!(items.len(), 2, "what runs and is in no file is not compared");
        assert_eq!(
            (items["sshd.service"]["package"].as_str(), items["a.mount"]["preset"].as_str()),
            ("openssh-server", "-")
        );
    }

    #[test]
    fn a_system_without_systemd_is_distinguished_from_one_that_does_not_answer() {
        let absent = Unit.parse(&seen(&[(KEY, "muster-absent none\n")])).unwrap();
        assert_eq!(absent, Part::Absent("none".into()));
        assert!(Unit.parse(&seen(&[(KEY, "there\n")])).is_err());
    }
}
