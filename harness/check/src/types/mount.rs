//! `mount`: a mount point; the topmost mount counts.

use muster_suite::grammar::paths;
use muster_suite::table::{Attribute, AttributeKind, CheckTable, Shorthand, Subject};

use crate::assertions::{subjects, unanswered, verdicts, wants};
use crate::check::{Check, Observations, Probe, Verdict, attribute};
use crate::observed::Value;
use crate::proc::mounts;
use crate::unreadable::Unreadable;
use crate::value;
use muster_record::facts::Facts;
use muster_suite::model::Expectation;

const ATTRIBUTES: &[Attribute] = &[
    attribute("mounted", AttributeKind::Bool, "Whether something is mounted exactly there."),
    attribute("source", AttributeKind::Text, "What is mounted."),
    attribute("fstype", AttributeKind::Text, "File system type."),
    attribute("options", AttributeKind::Set(&paths::MOUNT_OPTION), "Mount options and those of the file system."),
    attribute("read-only", AttributeKind::Bool, "Whether it is mounted read-only."),
    attribute("size", AttributeKind::Size, "Size of the file system."),
    attribute("free", AttributeKind::Size, "Bytes that an unprivileged user may still use."),
    attribute("used", AttributeKind::Size, "Bytes in use."),
    attribute("use", AttributeKind::Share(100), "Used share in percent, as df says."),
    attribute("inode-use", AttributeKind::Share(100), "Used share of the inodes in percent."),
    attribute(
        "propagation",
        AttributeKind::Keyword(&["private", "shared", "slave", "unbindable"]),
        "How mounts below it propagate.",
    ),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "mount",
    summary: "A mount point; the topmost mount counts.",
    subject: Subject::Named(&paths::MOUNT_POINT),
    shorthand: Shorthand::Keywords(&[("mounted", "mounted", "true"), ("absent", "mounted", "false")]),
    gone: &["mounted"],
    attributes: ATTRIBUTES,
    reads: "/proc/self/mountinfo; `stat -f` for sizes.",
    example: r#"mount:
  /: {fstype: ext4, use: "< 60"}
  /usr: {options: {has: [ro]}}
  /tmp: {fstype: tmpfs, options: {has: [nosuid, nodev]}}
  /home: absent
"#,
};

/// The check type.
pub struct Mount;

impl Check for Mount {
    fn table(&self) -> &'static CheckTable {
        &TABLE
    }

    fn probes(&self, wanted: &[&Expectation], _facts: &Facts) -> Vec<Probe> {
        let mut probes = Vec::new();
        if wants(
            wanted,
            &[
                "mounted",
                "source",
                "fstype",
                "options",
                "read-only",
                "propagation",
                "size",
                "free",
                "used",
                "use",
                "inode-use",
            ],
        ) {
            probes.push(Probe::new("mount/info", 10, "cat /proc/self/mountinfo"));
        }
        probes.extend(Probe::batch_with(
            "mount/sizes",
            20,
            "stat",
            &subjects(wanted, &["size", "free", "used", "use", "inode-use"]),
            r#"stat -f -c '%S %b %f %a %c %d' -- "$1""#,
        ));
        probes
    }

    fn evaluate(&self, expectation: &Expectation, seen: &Observations, _facts: &Facts) -> Vec<Verdict> {
        let path = &expectation.subject;
        verdicts(&TABLE, expectation, |assertion| {
            let text = seen.output("mount/info")?;
            let all = mounts(&text)?;
            let mount = all.iter().rev().find(|mount| mount.path == *path);
            let Some(mount) = mount else {
                return Ok(if assertion.attribute == "mounted" {
                    Value::flag(false)
                } else {
                    Value::gone("nothing is mounted there")
                });
            };
            match assertion.attribute {
                "mounted" => Ok(Value::flag(true)),
                "source" => Ok(Value::text(&mount.source)),
                "fstype" => Ok(Value::text(&mount.fstype)),
                "options" => Ok(Value::items(&mount.options)),
                "read-only" => Ok(Value::flag(mount.is_read_only())),
                "propagation" => Ok(Value::text(mount.propagation)),
                "size" | "free" | "used" | "use" | "inode-use" => {
                    let answer = seen.answer("mount/sizes", path)?;
                    let numbers: Option<Vec<u128>> =
                        answer.output.split_whitespace().map(|word| word.parse().ok()).collect();
                    let (0, Some([block, blocks, free, available, inodes, inodes_free])) =
                        (answer.status, numbers.as_deref())
                    else {
                        return Err(Unreadable::new(format!("stat -f {path}: {}", answer.output)));
                    };
                    let used = blocks.saturating_sub(*free);
                    let percent = |part: u128, whole: u128| {
                        if whole == 0 {
                            Value::absent("the file system does not count them")
                        } else {
                            Value::text((part * 100).div_ceil(whole).to_string())
                        }
                    };
                    Ok(match assertion.attribute {
                        "size" => Value::Text(value::of_bytes(blocks * block)),
                        "free" => Value::Text(value::of_bytes(available * block)),
                        "used" => Value::Text(value::of_bytes(used * block)),
                        "use" => percent(used, used + available),
                        _ => percent(inodes.saturating_sub(*inodes_free), *inodes),
                    })
                }
                _ => unanswered(assertion),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{equals, evaluate_on_this_host, expectation};
    use muster_suite::model::{Matcher, Operator};

    #[test]
    fn the_root_of_this_host_is_mounted_and_has_a_size() {
        let positive = |unit: &str| Matcher::Compare(vec![(Operator::Gt, format!("0{unit}"))]);
        let wanted = expectation(
            "mount",
            "/",
            &[
                ("mounted", equals("true")),
                ("size", positive(" B")),
                ("use", positive("")),
                ("options", Matcher::Count(Box::new(positive("")))),
            ],
        );
        assert_eq!(evaluate_on_this_host(&Mount, &wanted), vec![Verdict::MET; 4]);
        let nothing = expectation("mount", "/no/such $(mount)", &[("mounted", equals("false"))]);
        assert_eq!(evaluate_on_this_host(&Mount, &nothing), [Verdict::MET]);
    }
}
