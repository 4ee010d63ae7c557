//! The options the running kernel was built with. Of an option that a configuration does not mention
//! nothing is said, which is another thing than `n`.

use super::answer;
use crate::error::KindError;
use crate::item::{Field, Items, Part, compared};
use crate::kind::{FactKind, Scope};
use muster_base::text;
use muster_check::{Observations, Probe};
use muster_facts::sources as facts;
use muster_facts::sources::volatile;
use muster_suite::model::SnapshotSource;

/// The kind.
pub(crate) struct KernelOption;

const FIELDS: &[Field] = &[compared("value", "`y`, `m`, `n`, or its text or number, as the configuration has it.")];

impl FactKind for KernelOption {
    fn name(&self) -> &'static str {
        "kernel-option"
    }

    fn what(&self) -> &'static str {
        "kernel options"
    }

    fn fields(&self) -> &'static [Field] {
        FIELDS
    }

    fn probes(&self, _: &Scope) -> Vec<Probe> {
        vec![facts::probe(&SnapshotSource::Kconfig)]
    }

    fn parse(&self, seen: &Observations) -> Result<Part, KindError> {
        let key = facts::probe(&SnapshotSource::Kconfig).key;
        let mut items = Items::new();
        for line in text::escape(&answer::output(seen, &key)?).lines() {
            let unset = line.strip_prefix("# ").and_then(|rest| rest.strip_suffix(" is not set"));
            let (option, value) = match (unset, line.split_once('=')) {
                (Some(option), _) => (option, "n"),
                (None, Some((option, value))) if !line.starts_with('#') => (option, value),
                _ if line.starts_with('#') || line.trim().is_empty() => continue,
                _ => return Err(answer::strange(line)),
            };
            let name = option.strip_prefix("CONFIG_").ok_or_else(|| answer::strange(line))?;
            if !volatile::KCONFIGS.contains(&option) {
                items.insert(name.to_owned(), answer::item([("value", value)]));
            }
        }
        answer::some(items, "option")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{known, seen};

    #[test]
    fn off_and_not_mentioned_are_two_things() {
        let text = "#\n# Linux/x86 6.18\n#\nCONFIG_CC_VERSION_TEXT=\"gcc\"\nCONFIG_HZ=100\n# CONFIG_KEXEC is not set\nCONFIG_LSM=\"landlock,lockdown\"\n\n";
        let items = known(KernelOption.parse(&seen(&[("snapshot kconfig", text)])));
        let values: Vec<_> = items.iter().map(|(name, item)| format!("{name}={}", item["value"])).collect();
        assert_eq!(values, ["HZ=100", "KEXEC=n", "LSM=\"landlock,lockdown\""]);
        assert!(KernelOption.parse(&seen(&[("snapshot kconfig", "<html>\n")])).is_err());
        assert!(KernelOption.parse(&seen(&[("snapshot kconfig", "HZ=1\n")])).is_err());
    }
}
