//! `kernel`: the running kernel.

use muster_suite::grammar::{file_systems, kernel};
use muster_suite::table::{Attribute, AttributeKind, CheckTable, Shorthand, Subject};

use crate::assertions::{FixedReading, key, read, unanswered, verdicts};
use crate::check::{Check, Observations, Probe, Verdict, attribute};
use crate::journal;
use crate::observed::Value;
use crate::proc::{bracketed, mounts, taint_names};
use crate::shell::cat;
use crate::unreadable::{Read, Unreadable};
use crate::value;
use crate::wording::show_items;
use muster_guest::Reply;
use muster_record::facts::Facts;
use muster_suite::model::Expectation;

const ATTRIBUTES: &[Attribute] = &[
    attribute(
        "release",
        AttributeKind::Version,
        "`uname -r`; fields that are not stated are not compared: 6.18.44 is `== 6.18`, and not `> 6.18`.",
    ),
    attribute("version", AttributeKind::Text, "`uname -v`: build number, preemption model, date."),
    attribute("arch", AttributeKind::Text, "`uname -m`."),
    attribute("taint", AttributeKind::Integer, "/proc/sys/kernel/tainted; messages decode the bits."),
    attribute(
        "taints",
        AttributeKind::Set(&kernel::TAINT),
        "The bits that are set, by name (`proprietary-module`, `warn`, `unsigned-module`, …).",
    ),
    attribute("cmdline", AttributeKind::List(&kernel::ARGUMENT), "Arguments of the command line, in order."),
    attribute("lsm", AttributeKind::List(&kernel::LSM), "Active security modules, in order."),
    attribute("lockdown", AttributeKind::Keyword(&["none", "integrity", "confidentiality"]), "Lockdown mode."),
    attribute(
        "vulnerabilities",
        AttributeKind::Map(&kernel::VULNERABILITY, &AttributeKind::Text),
        "State of each CPU vulnerability, by its file name below /sys/devices/system/cpu/vulnerabilities.",
    ),
    attribute(
        "vulnerable",
        AttributeKind::Set(&kernel::VULNERABILITY),
        "CPU vulnerabilities whose state begins with `Vulnerable`.",
    ),
    attribute("btf", AttributeKind::Bool, "Whether the kernel's type information is there (/sys/kernel/btf/vmlinux)."),
    attribute("cgroup", AttributeKind::Keyword(&["v2", "v1", "hybrid"]), "Which cgroup hierarchy is mounted."),
    attribute("cgroup-controllers", AttributeKind::Set(&kernel::CONTROLLER), "Controllers of the unified hierarchy."),
    attribute(
        "namespaces",
        AttributeKind::Set(&kernel::NAMESPACE),
        "Kinds of namespaces (`mnt`, `net`, `pid`, `user`, …).",
    ),
    attribute("pressure", AttributeKind::Bool, "Whether pressure stall information can be read."),
    attribute("modules", AttributeKind::Set(&kernel::MODULE), "Loaded modules."),
    attribute(
        "out-of-tree",
        AttributeKind::Set(&kernel::MODULE),
        "Loaded modules that were not built with the kernel.",
    ),
    attribute("unsigned", AttributeKind::Set(&kernel::MODULE), "Loaded modules without a valid signature."),
    attribute("filesystems", AttributeKind::Set(&file_systems::FILE_SYSTEM), "File systems it can mount now."),
    attribute("crypto", AttributeKind::Set(&kernel::ALGORITHM), "Names of the algorithms of /proc/crypto."),
    attribute("page-size", AttributeKind::Size, "Size of a page."),
    attribute("clocksource", AttributeKind::Text, "Clock source in use."),
    attribute("hugepages", AttributeKind::Keyword(&["always", "madvise", "never"]), "Transparent huge pages."),
    attribute("fips", AttributeKind::Bool, "Whether FIPS mode is on."),
    attribute("config", AttributeKind::Text, "Where its configuration can be read; `none` matches when it cannot."),
    attribute("installed", AttributeKind::Set(&kernel::RELEASE), "Releases that have a directory below /lib/modules."),
    attribute("errors", AttributeKind::Output, "Kernel log of this boot at level err and worse."),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "kernel",
    summary: "The running kernel.",
    subject: Subject::Whole,
    shorthand: Shorthand::None,
    gone: &[],
    attributes: ATTRIBUTES,
    reads: "/proc, /sys, `uname`, `dmesg` or `journalctl -k`.",
    example: r#"kernel:
  release: ">= 6.14"
  taint: 0
  cmdline: {lacks: [nomodeset]}
  lsm: {has: [selinux, bpf]}
  vulnerabilities: {spectre_v2: {matches: ^Mitigation}}
"#,
};

/// The check type.
pub struct Kernel;

impl Check for Kernel {
    fn table(&self) -> &'static CheckTable {
        &TABLE
    }

    fn probes(&self, wanted: &[&Expectation], _facts: &Facts) -> Vec<Probe> {
        read(wanted, SOURCES)
    }

    fn evaluate(&self, expectation: &Expectation, seen: &Observations, _facts: &Facts) -> Vec<Verdict> {
        verdicts(&TABLE, expectation, |assertion| {
            let uname = |line: usize| -> Read<Value> {
                let text = seen.output(UNAME)?;
                text.lines()
                    .nth(line)
                    .map(Value::text)
                    .ok_or_else(|| Unreadable::new("uname printed less than three lines"))
            };
            match assertion.attribute {
                "release" => uname(0),
                "version" => uname(1),
                "arch" => uname(2),
                "taint" => seen.line(TAINT).map(Value::Text),
                "taints" => {
                    let text = seen.line(TAINT)?;
                    let bits = text.parse().map_err(|_| Unreadable::new(format!("the taint mask is `{text}`")))?;
                    Ok(Value::items(taint_names(bits)))
                }
                "cmdline" => Ok(Value::items(seen.file("kernel/cmdline")?.split_whitespace())),
                "lsm" => Ok(Value::items(seen.line("kernel/lsm")?.split(',').filter(|name| !name.is_empty()))),
                "lockdown" => bracketed_value(&seen.line("kernel/lockdown")?, "this kernel has no lockdown"),
                "hugepages" => bracketed_value(&seen.line("kernel/hugepages")?, "this kernel has no huge pages"),
                "vulnerabilities" => {
                    let text = seen.output(VULNERABILITIES)?;
                    let name = key(assertion)?;
                    let state = vulnerabilities(&text).find(|(vulnerability, _)| *vulnerability == name);
                    Ok(state
                        .map_or_else(|| Value::gone("this kernel does not name it"), |(_, state)| Value::text(state)))
                }
                "vulnerable" => {
                    let text = seen.output(VULNERABILITIES)?;
                    let open = vulnerabilities(&text).filter(|(_, state)| state.starts_with("Vulnerable"));
                    Ok(Value::items(open.map(|(name, _)| name)))
                }
                "btf" => seen.flag("kernel/btf"),
                "pressure" => seen.flag("kernel/pressure"),
                "fips" => seen.flag("kernel/fips"),
                "cgroup" => {
                    let text = seen.output("mount/info")?;
                    let all = mounts(&text)?;
                    let has = |kind| all.iter().any(|mount| mount.fstype == kind);
                    match (has("cgroup2"), has("cgroup")) {
                        (true, true) => Ok(Value::text("hybrid")),
                        (true, false) => Ok(Value::text("v2")),
                        (false, true) => Ok(Value::text("v1")),
                        (false, false) => Ok(Value::absent("no cgroup hierarchy is mounted")),
                    }
                }
                "cgroup-controllers" => {
                    let line = seen.line("kernel/cgroup-controllers")?;
                    let names = line
                        .strip_prefix("controllers")
                        .ok_or_else(|| Unreadable::new("the reading of the controllers is torn"))?;
                    Ok(Value::items(names.split_whitespace()))
                }
                "namespaces" => {
                    let names = seen.words("kernel/namespaces")?;
                    Ok(Value::items(names.into_iter().filter(|name| !name.ends_with("_for_children"))))
                }
                "modules" => Ok(Value::items(modules(&seen.file(MODULES)?, |_| true)?)),
                "out-of-tree" => Ok(Value::items(modules(&seen.file(MODULES)?, |flags| flags.contains('O'))?)),
                "unsigned" => Ok(Value::items(modules(&seen.file(MODULES)?, |flags| flags.contains('E'))?)),
                "filesystems" => {
                    let text = seen.output("kernel/filesystems")?;
                    Ok(Value::items(text.lines().filter_map(|line| line.split_whitespace().last())))
                }
                "crypto" => {
                    let text = seen.output("kernel/crypto")?;
                    let mut names: Vec<&str> = text
                        .lines()
                        .filter_map(|line| line.split_once(':'))
                        .filter(|(field, _)| field.trim() == "name")
                        .map(|(_, name)| name.trim())
                        .collect();
                    names.sort_unstable();
                    names.dedup();
                    Ok(Value::items(names))
                }
                "page-size" => {
                    let text = seen.line("kernel/page-size")?;
                    let kilobytes: u128 =
                        text.parse().map_err(|_| Unreadable::new(format!("the page size is `{text}`")))?;
                    Ok(Value::Text(value::of_bytes(kilobytes * 1024)))
                }
                "clocksource" => seen.line("kernel/clocksource").map(Value::Text),
                "config" => Ok(match seen.line("kernel/config")?.strip_prefix("file ") {
                    Some(path) => Value::text(path),
                    None => Value::absent("the configuration cannot be read"),
                }),
                "installed" => seen.names("kernel/installed").map(Value::Items),
                "errors" => {
                    let text = seen.output("kernel/errors")?;
                    match text.split_once('\n') {
                        Some(("from=journal", said)) => Ok(Value::text(journal::messages(said))),
                        Some(("from=dmesg", said)) => Ok(Value::text(said)),
                        _ => Err(Unreadable::new("the reading of the kernel's errors is torn")),
                    }
                }
                _ => unanswered(assertion),
            }
        })
        .into_iter()
        .zip(&expectation.assertions)
        .map(|(verdict, assertion)| match verdict {
            Verdict::Missed { expected, actual, detail } if assertion.attribute == "taint" => {
                let names = actual.parse().map(taint_names).unwrap_or_default();
                Verdict::Missed { expected, actual: format!("{actual} ({})", show_items(names)), detail }
            }
            verdict => verdict,
        })
        .collect()
    }
}

/// Whether a release, as `uname -r` says it, is what is expected of the kernel's; `None` when nothing is expected of that.
pub fn fits_release(expectation: &Expectation, release: &str) -> Option<bool> {
    if expectation.check != TABLE.name {
        return None;
    }
    let stated = expectation.assertions.iter().filter(|assertion| assertion.attribute == "release");
    let wanted = Expectation { assertions: stated.cloned().collect(), ..expectation.clone() };
    let reply = Reply { stdout: format!("{release}\n\n\n").into_bytes(), ..Reply::default() };
    let seen = Observations([(UNAME.to_owned(), reply)].into());
    let verdicts = Kernel.evaluate(&wanted, &seen, &Facts::default());
    (!verdicts.is_empty()).then(|| verdicts.iter().all(|verdict| matches!(verdict, Verdict::Met { .. })))
}

const UNAME: &str = "kernel/uname";
const TAINT: &str = "kernel/taint";
const VULNERABILITIES: &str = "kernel/vulnerabilities";
const MODULES: &str = "kernel/modules";

/// Says whether FIPS mode is on.
pub(super) const FIPS: &str = "[ -d /proc/sys/kernel ] || { echo '/proc/sys is not there' >&2; exit 1; }\n[ -e /proc/sys/crypto/fips_enabled ] || { echo false; exit; }\ncase $(cat /proc/sys/crypto/fips_enabled) in 1) echo true;; 0) echo false;; *) exit 1;; esac";

/// Each script fails when what it reads is hidden (no /sys, no securityfs), so that hidden is never
/// taken for absent.
/// Reads the lockdown mode; says so of a kernel without one.
pub(super) const LOCKDOWN: &str = "[ -r /sys/kernel/security/lsm ] || { echo 'securityfs is not mounted' >&2; exit 1; }\n[ -e /sys/kernel/security/lockdown ] || { echo unsupported; exit; }\ncat /sys/kernel/security/lockdown";

const SOURCES: &[FixedReading] = &[
    FixedReading {
        attributes: &["release", "version", "arch"],
        key: UNAME,
        seconds: 10,
        script: "uname -r && uname -v && uname -m",
    },
    FixedReading { attributes: &["taint", "taints"], key: TAINT, seconds: 10, script: "cat /proc/sys/kernel/tainted" },
    FixedReading { attributes: &["cmdline"], key: "kernel/cmdline", seconds: 10, script: cat!("/proc/cmdline") },
    FixedReading { attributes: &["lsm"], key: "kernel/lsm", seconds: 10, script: "cat /sys/kernel/security/lsm" },
    FixedReading { attributes: &["lockdown"], key: "kernel/lockdown", seconds: 10, script: LOCKDOWN },
    FixedReading {
        attributes: &["vulnerabilities", "vulnerable"],
        key: VULNERABILITIES,
        seconds: 10,
        script: "cd /sys/devices/system/cpu/vulnerabilities || exit 1\nfor name in *; do IFS= read -r state <\"$name\" || exit 1; printf '%s\\t%s\\n' \"$name\" \"$state\"; done",
    },
    FixedReading {
        attributes: &["btf"],
        key: "kernel/btf",
        seconds: 10,
        script: "[ -d /sys/kernel ] || { echo '/sys is not mounted' >&2; exit 1; }\nif [ -r /sys/kernel/btf/vmlinux ]; then echo true; else echo false; fi",
    },
    FixedReading {
        attributes: &["pressure"],
        key: "kernel/pressure",
        seconds: 10,
        script: "[ -d /proc/self ] || { echo '/proc is not mounted' >&2; exit 1; }\nif IFS= read -r line 2>/dev/null </proc/pressure/cpu; then echo true; else echo false; fi",
    },
    FixedReading { attributes: &["fips"], key: "kernel/fips", seconds: 10, script: FIPS },
    FixedReading { attributes: &["cgroup"], key: "mount/info", seconds: 10, script: "cat /proc/self/mountinfo" },
    FixedReading {
        attributes: &["cgroup-controllers"],
        key: "kernel/cgroup-controllers",
        seconds: 10,
        script: "for root in /sys/fs/cgroup /sys/fs/cgroup/unified; do [ -e $root/cgroup.controllers ] || continue; line=; IFS= read -r line <$root/cgroup.controllers || [ -z \"$line\" ] || exit 1; echo \"controllers $line\"; exit; done; echo 'no unified cgroup hierarchy is mounted' >&2; exit 1",
    },
    FixedReading {
        attributes: &["namespaces"],
        key: "kernel/namespaces",
        seconds: 10,
        script: "cd /proc/self/ns && echo *",
    },
    FixedReading {
        attributes: &["modules", "out-of-tree", "unsigned"],
        key: MODULES,
        seconds: 10,
        // A kernel that cannot load modules has no such file.
        script: concat!(
            "[ -d /proc/self ] || { echo '/proc is not mounted' >&2; exit 1; }\nfile=/proc/modules; [ -e $file ] || file=/dev/null\n",
            cat!("$file")
        ),
    },
    FixedReading {
        attributes: &["filesystems"],
        key: "kernel/filesystems",
        seconds: 10,
        script: "cat /proc/filesystems",
    },
    FixedReading { attributes: &["crypto"], key: "kernel/crypto", seconds: 10, script: "cat /proc/crypto" },
    FixedReading {
        attributes: &["page-size"],
        key: "kernel/page-size",
        seconds: 10,
        script: "while read -r name size unit; do case $name in KernelPageSize:) echo \"$size\"; exit;; esac; done </proc/self/smaps; exit 1",
    },
    FixedReading {
        attributes: &["clocksource"],
        key: "kernel/clocksource",
        seconds: 10,
        script: "cat /sys/devices/system/clocksource/clocksource0/current_clocksource",
    },
    FixedReading {
        attributes: &["hugepages"],
        key: "kernel/hugepages",
        seconds: 10,
        script: "[ -d /sys/kernel/mm ] || { echo '/sys is not mounted' >&2; exit 1; }\n[ -e /sys/kernel/mm/transparent_hugepage/enabled ] || { echo unsupported; exit; }\ncat /sys/kernel/mm/transparent_hugepage/enabled",
    },
    FixedReading {
        attributes: &["config"],
        key: "kernel/config",
        seconds: 10,
        script: "release=$(uname -r) && [ -n \"$release\" ] || exit 1\nfor file in \"/lib/modules/$release/config\" \"/boot/config-$release\" /proc/config.gz; do [ ! -r \"$file\" ] || { echo \"file $file\"; exit; }; done\necho none",
    },
    FixedReading {
        attributes: &["installed"],
        key: "kernel/installed",
        seconds: 10,
        script: "printf 'names:'\ncd /lib/modules 2>/dev/null || exit 0\nfor name in */; do [ ! -d \"$name\" ] || printf '%s' \"$name\"; done",
    },
    FixedReading {
        attributes: &["errors"],
        key: "kernel/errors",
        seconds: 30,
        script: concat!(
            "if command -v journalctl >/dev/null 2>&1; then\n",
            journal::not_empty!("-k"),
            "echo from=journal\njournalctl -b -a -k -p err -o cat --no-pager\nexit\nfi\n",
            // It says nothing when there is no error, so the whole buffer is the proof that it speaks.
            "[ -n \"$(dmesg)\" ] || { echo 'dmesg prints nothing' >&2; exit 1; }\necho from=dmesg\ndmesg -l emerg,alert,crit,err"
        ),
    },
];

fn vulnerabilities(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines().filter_map(|line| line.split_once('\t'))
}

pub(super) fn bracketed_value(text: &str, without: &str) -> Read<Value> {
    if text == "unsupported" {
        return Ok(Value::absent(without));
    }
    bracketed(text).map(Value::text).ok_or_else(|| Unreadable::new(format!("`{text}` marks no choice")))
}

/// Names of the modules whose taint flags (`(OE)` at the end of the line, or none) are chosen.
fn modules(text: &str, chosen: impl Fn(&str) -> bool) -> Read<Vec<String>> {
    let mut names = Vec::new();
    for line in text.lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        if fields.len() < 6 {
            return Err(Unreadable::new(format!("a line of /proc/modules is `{line}`")));
        }
        let flags = fields.last().filter(|last| last.starts_with('(')).copied().unwrap_or("");
        if chosen(flags) {
            names.push(fields[0].to_owned());
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{equals, evaluate_on_this_host, expectation, missed, reply, seen};
    use muster_suite::model::Matcher;

    fn evaluate(attribute: &'static str, matcher: Matcher, key: &str, text: &str) -> Verdict {
        Kernel
            .evaluate(
                &expectation("kernel", "", &[(attribute, matcher)]),
                &seen(key, reply(0, text)),
                &Facts::default(),
            )
            .remove(0)
    }

    #[test]
    fn a_taint_is_decoded_in_the_message() {
        assert_eq!(evaluate("taint", equals("0"), TAINT, "0\n"), Verdict::MET);
        let verdict = evaluate("taint", equals("0"), TAINT, "12288\n");
        assert_eq!(missed(&verdict), ("taint is 0", "12288 (out-of-tree-module, unsigned-module)"));
        assert!(matches!(evaluate("taint", equals("0"), TAINT, "no\n"), Verdict::Unknown { .. }));
    }

    #[test]
    fn lsm_and_vulnerabilities_are_read() {
        let has = |items: &[&str]| Matcher::Has(items.iter().map(|item| (*item).to_owned()).collect());
        let lsm = "lockdown,capability,yama,selinux";
        assert_eq!(evaluate("lsm", has(&["selinux"]), "kernel/lsm", lsm), Verdict::MET);
        assert_eq!(evaluate("lsm", equals("lockdown,capability,yama,selinux"), "kernel/lsm", lsm), Verdict::MET);
        let verdict = evaluate("lsm", has(&["bpf", "yama", "ipe"]), "kernel/lsm", lsm);
        assert_eq!(
            missed(&verdict),
            ("lsm has bpf, yama, ipe", "missing bpf, ipe; lockdown, capability, yama, selinux")
        );
        let states = "meltdown\tMitigation: PTI\nspectre_v2\tVulnerable: eIBRS\n";
        assert_eq!(missed(&evaluate("vulnerable", Matcher::None, VULNERABILITIES, states)).1, "spectre_v2");
        let verdict = evaluate("vulnerabilities.mds", equals("Not affected"), VULNERABILITIES, states);
        assert_eq!(missed(&verdict).1, "this kernel does not name it");
        assert_eq!(
            evaluate("lockdown", equals("none"), "kernel/lockdown", "[none] integrity confidentiality\n"),
            Verdict::MET
        );
    }

    #[test]
    fn a_release_is_compared_without_a_machine() {
        let of = |attribute: &'static str, matcher: Matcher| {
            fits_release(&expectation("kernel", "", &[(attribute, matcher)]), "6.18.2-1.azl4.x86_64")
        };
        let at_least = |version: &str| Matcher::Compare(vec![(muster_suite::model::Operator::Ge, version.into())]);
        assert_eq!(of("release", at_least("6.18")), Some(true));
        assert_eq!(of("release", at_least("6.19")), Some(false));
        assert_eq!(of("taint", equals("0")), None);
        assert_eq!(fits_release(&expectation("sysctl", "a", &[("value", equals("0"))]), "6.18"), None);
    }

    #[test]
    fn modules_are_distinguished_by_their_flags() {
        let text = "nvidia 100 1 - Live 0x0 (POE)\next4 1 2 jbd2, Live 0x0\nbad 9 0 - Live 0x0 (E)\n";
        assert_eq!(modules(text, |flags| flags.contains('O')), Ok(vec!["nvidia".to_owned()]));
        assert_eq!(modules(text, |flags| flags.contains('E')), Ok(vec!["nvidia".to_owned(), "bad".to_owned()]));
        assert_eq!(modules("short", |_| true).unwrap_err().to_string(), "a line of /proc/modules is `short`");
    }

    #[test]
    fn this_kernel_can_be_read() {
        let version = Matcher::Compare(vec![(muster_suite::model::Operator::Ge, "2.6".into())]);
        let wanted = expectation(
            "kernel",
            "",
            &[
                ("release", version),
                ("page-size", Matcher::Not(Box::new(Matcher::None))),
                ("btf", Matcher::AnyOf(vec![equals("true"), equals("false")])),
                ("namespaces", Matcher::Has(vec!["mnt".into()])),
                ("installed", Matcher::All(vec![])),
            ],
        );
        assert_eq!(evaluate_on_this_host(&Kernel, &wanted), vec![Verdict::MET; 5]);
    }
}
