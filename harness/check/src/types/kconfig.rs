//! `kconfig`: a symbol of the kernel's configuration, with or without `CONFIG_`. `n` (not set) and `absent` (not known to this kernel) are different; a kernel whose configuration cannot be read is an error.

use muster_suite::grammar::{kernel, text};
use muster_suite::table::{Attribute, AttributeKind, CheckTable, Shorthand, Subject};

use crate::assertions::{subjects, unanswered, verdicts};
use crate::check::{Check, Observations, Probe, Verdict, attribute};
use crate::kernel_config::{Config, Setting};
use crate::observed::Value;
use crate::unreadable::Unreadable;
use muster_record::facts::Facts;
use muster_suite::model::Expectation;

const ATTRIBUTES: &[Attribute] = &[
    attribute("value", AttributeKind::Loose, "`y`, `m`, `n`, `absent`, or the value without its quotes."),
    attribute("enabled", AttributeKind::Bool, "Whether it is y or m."),
    attribute("builtin", AttributeKind::Bool, "Whether it is y."),
    attribute("disabled", AttributeKind::Bool, "Whether it is n or absent."),
    attribute("list", AttributeKind::List(&text::WORD), "A string value such as CONFIG_LSM as a comma-separated list."),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "kconfig",
    summary: "A symbol of the kernel's configuration, with or without `CONFIG_`. `n` (not set) and `absent` (not known to this kernel) are different; a kernel whose configuration cannot be read is an error.",
    subject: Subject::Named(&kernel::SYMBOL),
    shorthand: Shorthand::Attribute("value"),
    gone: &["value", "disabled"],
    attributes: ATTRIBUTES,
    reads: "/lib/modules/$(uname -r)/config, /boot/config-$(uname -r), or /proc/config.gz.",
    example: r#"kconfig:
  CONFIG_KVM: {any-of: [y, m]}
  CONFIG_NR_CPUS: ">= 512"
  CONFIG_LSM: {list: {has: [bpf, landlock]}}
  CONFIG_DEVMEM: {disabled: true}
"#,
};

/// The check type.
pub struct Kconfig;

impl Check for Kconfig {
    fn table(&self) -> &'static CheckTable {
        &TABLE
    }

    fn probes(&self, wanted: &[&Expectation], _facts: &Facts) -> Vec<Probe> {
        if subjects(wanted, &["value", "enabled", "builtin", "disabled", "list"]).is_empty() {
            return Vec::new();
        }
        vec![Probe::new("kernel/kconfig", 60, READ)]
    }

    fn evaluate(&self, expectation: &Expectation, seen: &Observations, _facts: &Facts) -> Vec<Verdict> {
        let parsed = seen.output("kernel/kconfig").and_then(|text| {
            let (release, config) = text.split_once('\n').unwrap_or(("", &text));
            Config::parse(config, release)
        });
        evaluated(expectation, parsed.as_ref())
    }
}

/// The verdicts on a configuration, wherever it was read: in a guest or from a file. The error is why
/// it could not be read.
pub fn evaluated(expectation: &Expectation, config: Result<&Config, &Unreadable>) -> Vec<Verdict> {
    verdicts(&TABLE, expectation, |assertion| {
        let setting = config.map_err(Clone::clone)?.get(&expectation.subject)?;
        Ok(match assertion.attribute {
            // A symbol that this kernel does not know is not "something else": `{not: y}` is about one it knows.
            "value" if setting == Setting::Absent => Value::gone(setting.name()),
            "value" => Value::text(setting.name()),
            "disabled" => Value::flag(matches!(setting, Setting::No | Setting::Absent)),
            _ if setting == Setting::Absent => Value::gone(format!("{} is {}", expectation.subject, setting.name())),
            "enabled" => Value::flag(matches!(setting, Setting::Yes | Setting::Module)),
            "builtin" => Value::flag(setting == Setting::Yes),
            "list" => match setting {
                Setting::Value(text) => Value::items(text.split(',').map(str::trim).filter(|word| !word.is_empty())),
                other => Value::absent(other.name()),
            },
            _ => return unanswered(assertion),
        })
    })
}

/// The release on the first line, then the first configuration that can be read. None is an error.
const READ: &str = r#"release=$(uname -r) || exit 1
echo "$release"
for file in "/lib/modules/$release/config" "/usr/lib/modules/$release/config" "/boot/config-$release" "/usr/lib/ostree-boot/config-$release"; do
    [ ! -r "$file" ] || exec cat "$file"
done
[ -r /proc/config.gz ] || { echo 'the kernel configuration cannot be read: neither below /lib/modules nor /boot, nor /proc/config.gz' >&2; exit 1; }
if command -v zcat >/dev/null 2>&1; then exec zcat /proc/config.gz; fi
command -v gzip >/dev/null 2>&1 || { echo 'gzip: not found' >&2; exit 127; }
exec gzip -dc /proc/config.gz"#;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{equals, expectation, missed, reply, seen};
    use muster_guest::Reply;
    use muster_suite::model::{Matcher, Operator};

    const CONFIG: &str = "6.6.1-azl3\n# Linux/x86 6.6.1 Kernel Configuration\nCONFIG_KVM=m\n# CONFIG_DEVMEM is not set\nCONFIG_NR_CPUS=512\nCONFIG_LSM=\"lockdown,yama\"\nCONFIG_HYPERV=y\n# end of Kernel hacking\n";

    fn evaluate(subject: &str, attribute: &'static str, matcher: Matcher) -> Verdict {
        let wanted = expectation("kconfig", subject, &[(attribute, matcher)]);
        Kconfig.evaluate(&wanted, &seen("kernel/kconfig", reply(0, CONFIG)), &Facts::default()).remove(0)
    }

    #[test]
    fn not_set_absent_and_unreadable_are_three_answers() {
        assert_eq!(evaluate("CONFIG_DEVMEM", "value", equals("n")), Verdict::MET);
        assert_eq!(missed(&evaluate("CONFIG_XEN", "value", equals("n"))), ("value is n", "absent"));
        assert_eq!(evaluate("XEN", "disabled", equals("true")), Verdict::MET);
        let wanted = expectation("kconfig", "CONFIG_XEN", &[("value", equals("absent"))]);
        let unreadable =
            seen("kernel/kconfig", Reply { status: 1, stderr: b"cannot be read".to_vec(), ..Reply::default() });
        assert!(
            matches!(&Kconfig.evaluate(&wanted, &unreadable, &Facts::default())[0], Verdict::Unknown { why } if why.contains("cannot be read"))
        );
    }

    #[test]
    fn what_a_fragment_does_not_mention_is_not_absent() {
        let config = Config::parse("CONFIG_KVM=m\n", "6.17.1").unwrap();
        let evaluate = |subject: &str| {
            let wanted = expectation("kconfig", subject, &[("disabled", equals("true"))]);
            evaluated(&wanted, Ok(&config)).remove(0)
        };
        assert_eq!(missed(&evaluate("CONFIG_KVM")), ("disabled is true", "false"));
        assert!(matches!(evaluate("CONFIG_DEVMEM"), Verdict::Unknown { why } if why.contains("fragment")));
    }

    #[test]
    fn what_is_on_under_its_new_name_is_not_disabled_under_the_old_one() {
        let evaluate = |symbol: &str, release: &str, wanted: &str| {
            let text =
                format!("# Linux/x86 {release} Kernel Configuration\nCONFIG_{symbol}=y\n# end of Kernel hacking\n");
            let config = Config::parse(&text, release).unwrap();
            evaluated(&expectation("kconfig", wanted, &[("disabled", equals("true"))]), Ok(&config)).remove(0)
        };
        for (new, old) in [("KSTACK_ERASE", "GCC_PLUGIN_STACKLEAK"), ("CFI", "CFI_CLANG")] {
            assert_eq!(missed(&evaluate(new, "6.18.0", old)), ("disabled is true", "false"), "{old}");
            assert_eq!(missed(&evaluate(old, "6.6.0", new)), ("disabled is true", "false"), "{new}");
        }
    }

    #[test]
    fn numbers_lists_and_aliases_are_compared_as_what_they_are() {
        assert_eq!(
            evaluate("CONFIG_NR_CPUS", "value", Matcher::Compare(vec![(Operator::Ge, "0x100".into())])),
            Verdict::MET
        );
        assert_eq!(evaluate("CONFIG_NR_CPUS", "value", equals("0x200")), Verdict::MET);
        assert_eq!(missed(&evaluate("CONFIG_KVM", "value", Matcher::Compare(vec![(Operator::Ge, "1".into())]))).1, "m");
        assert_eq!(
            missed(&evaluate("CONFIG_LSM", "list", Matcher::Has(vec!["bpf".into()]))).1,
            "missing bpf; lockdown, yama"
        );
        assert_eq!(evaluate("CONFIG_LSM", "value", Matcher::Has(vec!["yama".into()])), Verdict::MET);
        assert_eq!(evaluate("CONFIG_HYPERV_VMBUS", "builtin", equals("true")), Verdict::MET);
    }
}
