//! `sysctl`: a kernel parameter of /proc/sys.

use muster_suite::grammar::kernel::{SYSCTL, SYSCTL_ROOTS as ROOTS};
use muster_suite::table::{Attribute, AttributeKind, CheckTable, Shorthand, Subject};

use crate::assertions::{subjects, unanswered, verdicts, wants};
use crate::check::{Check, Observations, Probe, Verdict, attribute};
use crate::matching::compare;
use crate::observed::Value;
use crate::unreadable::{Read, Unreadable};
use crate::{shell, sysctl_d};
use muster_record::facts::Facts;
use muster_suite::diagnostic::did_you_mean;
use muster_suite::model::Expectation;

const ATTRIBUTES: &[Attribute] = &[
    attribute(
        "value",
        AttributeKind::Loose,
        "Its value now; runs of white space are one space. `none` matches when the kernel has no such parameter: `{any-of: [1, none]}`.",
    ),
    attribute("exists", AttributeKind::Bool, "Whether the kernel has it."),
    attribute(
        "persisted",
        AttributeKind::Loose,
        "The value that sysctl.d files set at boot, by systemd-sysctl's rules; `none` matches when no file sets it. A parameter that the kernel does not have needs `exists: false` (or `value: none`) as well.",
    ),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "sysctl",
    summary: "A kernel parameter of /proc/sys.",
    subject: Subject::Named(&SYSCTL),
    shorthand: Shorthand::Attribute("value"),
    gone: &["exists", "value"],
    attributes: ATTRIBUTES,
    reads: "/proc/sys; the sysctl.d directories and /etc/sysctl.conf only for `persisted`.",
    example: r#"sysctl:
  kernel.kptr_restrict: ">= 1"
  net.ipv4.conf.all.rp_filter: {any-of: [1, 2]}
  kernel.unprivileged_bpf_disabled: {persisted: 1}
"#,
};

/// The check type.
pub struct Sysctl;

impl Check for Sysctl {
    fn table(&self) -> &'static CheckTable {
        &TABLE
    }

    fn probes(&self, wanted: &[&Expectation], _facts: &Facts) -> Vec<Probe> {
        let mut names = subjects(wanted, &["value", "exists", "persisted"]);
        names.retain(|name| well_formed(name).is_ok());
        let mut probes: Vec<Probe> = Probe::batch("sysctl/value", 20, &names, READ).into_iter().collect();
        if wants(wanted, &["persisted"]) {
            probes.push(Probe::new("sysctl/files", 20, sysctl_d::FILES));
        }
        probes
    }

    fn evaluate(&self, expectation: &Expectation, seen: &Observations, _facts: &Facts) -> Vec<Verdict> {
        let name = &expectation.subject;
        verdicts(&TABLE, expectation, |assertion| {
            well_formed(name)?;
            match assertion.attribute {
                "value" | "exists" => {
                    let answer = seen.answer("sysctl/value", name)?;
                    match (answer.status, assertion.attribute) {
                        (0, "exists") => Ok(Value::flag(true)),
                        (0, _) => {
                            let value = answer.output.strip_suffix(END);
                            let value =
                                value.ok_or_else(|| Unreadable::new(format!("cat did not print {name} to its end")))?;
                            Ok(Value::text(value.split_whitespace().collect::<Vec<_>>().join(" ")))
                        }
                        (4, _) if !ROOTS.contains(&root(name)) => Err(no_root(name)),
                        (3 | 4, "exists") => Ok(Value::flag(false)),
                        (3 | 4, _) => Ok(Value::absent(
                            "the kernel has no such parameter; where that is right too, write `{any-of: [1, none]}`",
                        )),
                        _ => {
                            let said = answer.output.strip_suffix(END).unwrap_or(&answer.output).trim_end();
                            Err(Unreadable::new(format!("{name} cannot be read: {said}")))
                        }
                    }
                }
                "persisted" if !ROOTS.contains(&root(name)) => Err(no_root(name)),
                "persisted" => {
                    let set = sysctl_d::persisted(&shell::answers(seen.reply("sysctl/files")?)?, name);
                    // That no file sets what no kernel has is true of every misspelt name.
                    let lacks = || seen.answer("sysctl/value", name).map(|answer| matches!(answer.status, 3 | 4));
                    match set {
                        Some(text) => Ok(Value::text(text)),
                        None if lacks()? && !states_absence(expectation) => Ok(Value::gone(
                            "no file sets it, and the kernel has no such parameter; where that is right, state `exists: false` too",
                        )),
                        None => Ok(Value::absent("no file sets it")),
                    }
                }
                _ => unanswered(assertion),
            }
        })
    }
}

/// Whether the suite says of the parameter that the kernel may lack it.
fn states_absence(expectation: &Expectation) -> bool {
    let missing = |attribute: &str| match attribute {
        "exists" => Some((AttributeKind::Bool, Value::flag(false))),
        "value" => Some((AttributeKind::Loose, Value::absent(""))),
        _ => None,
    };
    expectation.assertions.iter().any(|assertion| {
        missing(assertion.attribute).is_some_and(|(kind, value)| compare(&assertion.matcher, &kind, &value).is_ok())
    })
}

/// The first part of a name.
fn root(name: &str) -> &str {
    name.split(['.', '/']).next().unwrap_or(name)
}

/// What to say of a name whose first part neither this kernel has nor any.
fn no_root(name: &str) -> Unreadable {
    let root = root(name);
    let near = did_you_mean(root, ROOTS.iter().copied());
    let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
    Unreadable::new(format!("no kernel has the parameter `{name}`: `{root}` is not below /proc/sys{near}"))
}

/// Whether a text can be the name of a parameter, or why not.
pub(crate) fn well_formed(name: &str) -> Read<()> {
    let why = if name.starts_with(['/', '.', '-']) || name.ends_with(['/', '.']) {
        "it begins and ends with a letter, such as `kernel.kptr_restrict`"
    } else if !name.contains(['.', '/']) {
        "it has several parts, such as `kernel.kptr_restrict`"
    } else if name.contains("..") || name.contains("//") {
        "one of its parts is empty"
    } else if name.contains(['*', '?', '[', '=']) || name.chars().any(|c| c.is_whitespace() || c.is_control()) {
        "it is one parameter, without patterns, white space or `=`"
    } else {
        return Ok(());
    };
    Err(Unreadable::new(format!(
        "`{}` is not the name of a kernel parameter: {why}",
        muster_base::text::one_line(name, 80)
    )))
}

/// Status 3 says that there is no such parameter, and that /proc/sys is there to say so; status 4 that not
/// even its first part is there. As in
/// sysctl(8), the first separator decides whether dots or slashes separate the parts; in the
/// dotted form a slash stands for a dot of a name.
const READ: &str = r#"[ -d /proc/sys/kernel ] || { echo '/proc/sys is not there'; return 1; }
sep=${1%%[!A-Za-z0-9_-]*}; sep=${1#"$sep"}
case $sep in
/*) path=$1;;
*/*) path=; rest=$1
    while [ -n "$rest" ]; do
        char=${rest%"${rest#?}"}; rest=${rest#?}
        case $char in .) char=/;; /) char=.;; esac
        path=$path$char
    done;;
*) IFS=.; set -- $1; IFS=/; path="$*";;
esac
[ -e "/proc/sys/${path%%/*}" ] || return 4
[ -e "/proc/sys/$path" ] || return 3
exec cat "/proc/sys/$path" - <<'MUSTER'
= end
MUSTER"#;

/// What [`READ`] prints behind a value, which may be nothing.
const END: &str = "= end";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{equals, evaluate_on_this_host, expectation, missed};
    use muster_suite::model::Matcher;

    #[test]
    fn a_parameter_that_the_kernel_lacks_is_met_by_none_only() {
        let name = "kernel.no_such_parameter";
        let one_or_none = Matcher::AnyOf(vec![equals("1"), equals("none")]);
        let wanted = expectation(
            "sysctl",
            name,
            &[
                ("value", one_or_none),
                ("value", Matcher::None),
                ("exists", equals("false")),
                ("value", equals("1")),
                ("value", Matcher::Not(Box::new(equals("1")))),
            ],
        );
        let verdicts = evaluate_on_this_host(&Sysctl, &wanted);
        assert_eq!(verdicts[..3], [Verdict::MET, Verdict::MET, Verdict::MET]);
        assert!(missed(&verdicts[3]).1.contains("{any-of: [1, none]}"), "{verdicts:?}");
        missed(&verdicts[4]);
    }

    #[test]
    fn a_value_may_be_nothing_and_silence_is_none() {
        let host = tempfile::tempdir().unwrap();
        let name = "kernel.modprobe";
        let directory = host.path().join("kernel");
        std::fs::create_dir(&directory).unwrap();
        let script = |tool: &str| {
            let read = READ.replace("/proc/sys", host.path().to_str().unwrap());
            let read = if tool.is_empty() { read } else { read.replace("exec cat", tool) };
            crate::testing::seen(
                "sysctl/value",
                crate::testing::with_tools(&[], &format!("mute() {{ :; }}\n{}", shell::batch([name], &read))),
            )
        };
        let wanted = |matcher| expectation("sysctl", name, &[("value", matcher)]);
        let verdict = |matcher, tool: &str| {
            let wanted = wanted(matcher);
            Sysctl.evaluate(&wanted, &script(tool), &Facts::default()).remove(0)
        };
        for (content, value) in
            [("\n", ""), ("", ""), ("/sbin/modprobe\n", "/sbin/modprobe"), ("no line feed", "no line feed")]
        {
            std::fs::write(directory.join("modprobe"), content).unwrap();
            assert_eq!(verdict(equals(value), ""), Verdict::MET, "{content:?}");
        }
        std::fs::write(directory.join("modprobe"), "\n").unwrap();
        // `none` is said of a parameter that the kernel lacks.
        missed(&verdict(equals("none"), ""));
        assert_eq!(verdict(Matcher::Empty(true), ""), Verdict::MET);
        assert!(matches!(verdict(Matcher::Empty(true), "mute"), Verdict::Unknown { .. }));
    }

    #[test]
    fn a_name_that_no_kernel_has_is_an_error_and_not_absent() {
        let none = |attribute| (attribute, Matcher::None);
        for name in [
            "kernl.kptr_restrict",
            "netipv4.ip_forward",
            "kernel..x",
            "/kernel/x",
            "kernel",
            "net.*.x",
            "kernel.x ",
            "kernel.x=1",
        ] {
            let wanted = expectation("sysctl", name, &[none("value"), ("exists", equals("false")), none("persisted")]);
            for verdict in evaluate_on_this_host(&Sysctl, &wanted) {
                assert!(matches!(verdict, Verdict::Unknown { .. }), "{name}: {verdict:?}");
            }
        }
        assert!(no_root("kernl.x").to_string().ends_with("did you mean `kernel`?"));
        let wanted = expectation("sysctl", "kernel.ostype", &[("value", equals("Linux")), none("persisted")]);
        assert_eq!(evaluate_on_this_host(&Sysctl, &wanted), [Verdict::MET, Verdict::MET]);
    }

    #[test]
    fn that_no_file_sets_a_misspelt_name_is_not_enough() {
        let of = |more: &[(&'static str, Matcher)]| {
            let mut asserted = more.to_vec();
            asserted.push(("persisted", equals("none")));
            evaluate_on_this_host(&Sysctl, &expectation("sysctl", "kernel.core_patern", &asserted)).pop().unwrap()
        };
        assert!(missed(&of(&[])).1.contains("state `exists: false`"));
        assert_eq!(of(&[("exists", equals("false"))]), Verdict::MET);
        assert_eq!(of(&[("value", equals("none"))]), Verdict::MET);
        assert!(matches!(of(&[("value", equals("core"))]), Verdict::Missed { .. }));
    }
}
