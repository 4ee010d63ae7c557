//! `writable`: whether root can write to a path.

use muster_suite::grammar::paths;
use muster_suite::table::{Attribute, AttributeKind, CheckTable, Shorthand, Subject};

use crate::assertions::{subjects, unanswered, verdicts};
use crate::check::{Check, Observations, Probe, Verdict, attribute};
use crate::observed::Value;
use crate::proc::{Mount, mounts};
use crate::unreadable::Unreadable;
use muster_record::facts::Facts;
use muster_suite::model::Expectation;

const ATTRIBUTES: &[Attribute] = &[attribute(
    "value",
    AttributeKind::Bool,
    "Whether it exists and can be written to; a read-only file system says no.",
)];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "writable",
    summary: "Whether root can write to a path.",
    subject: Subject::Named(&paths::PATH),
    shorthand: Shorthand::Attribute("value"),
    gone: &[],
    attributes: ATTRIBUTES,
    reads: "`test -w`, and the options of the mount that it is on.",
    example: r#"writable:
  /usr/bin: false
  /etc: true
  /var: true
"#,
};

/// The check type.
pub struct Writable;

impl Check for Writable {
    fn table(&self) -> &'static CheckTable {
        &TABLE
    }

    fn probes(&self, wanted: &[&Expectation], _facts: &Facts) -> Vec<Probe> {
        let mut probes: Vec<Probe> =
            Probe::batch("writable", 20, &subjects(wanted, &["value"]), WRITABLE).into_iter().collect();
        if !probes.is_empty() {
            probes.push(Probe::new(MOUNTS, 10, "cat /proc/self/mountinfo"));
        }
        probes
    }

    fn evaluate(&self, expectation: &Expectation, seen: &Observations, _facts: &Facts) -> Vec<Verdict> {
        verdicts(&TABLE, expectation, |assertion| match assertion.attribute {
            "value" => match seen.answer("writable", &expectation.subject)?.output.as_str() {
                "true" => Ok(Value::flag(true)),
                "false" => Ok(Value::flag(false)),
                "absent" => Ok(Value::gone("not there")),
                other => {
                    let path = other.strip_prefix("on ").and_then(|path| path.strip_suffix('.'));
                    let path = path.filter(|path| path.starts_with('/')).ok_or_else(|| Unreadable::new(other))?;
                    let all = mounts(&seen.output(MOUNTS)?)?;
                    let mount = mount_of(&all, path).ok_or_else(|| Unreadable::new("nothing is mounted above it"))?;
                    Ok(Value::flag(!mount.options.iter().any(|option| option == "ro")))
                }
            },
            _ => unanswered(assertion),
        })
    }
}

/// The key that other types read the mount table by, too.
const MOUNTS: &str = "mount/info";

/// `test -w` of busybox looks at modes alone, which root passes on a read-only file system: of files and directories, the
/// mount decides as well. A device or a socket on such a file system can be written to.
const WRITABLE: &str = r#"if [ -w "$1" ]; then
    { [ -f "$1" ] || [ -d "$1" ]; } || { echo true; return 0; }
    path=$(readlink -f -- "$1" && echo .) || { echo "readlink -f fails: $path"; return 1; }
    printf 'on %s.\n' "${path%??}"
elif [ -e "$1" ] || [ -L "$1" ]; then echo false; else echo absent; fi"#;

/// The mount that a canonical path is on: the longest one above it, of several in one place the last.
fn mount_of<'a>(mounts: &'a [Mount], path: &str) -> Option<&'a Mount> {
    let above = |mount: &&Mount| {
        mount.path == "/" || path.strip_prefix(&mount.path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    // Of equal ones `max_by_key` has the last.
    mounts.iter().filter(above).max_by_key(|mount| mount.path.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{equals, evaluate_on_this_host, expectation, records, reply};

    const TABLE_OF_MOUNTS: &str = "20 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n30 20 0:30 / /mnt/ro ro,relatime - tmpfs tmpfs rw\n31 20 0:31 / /mnt rw - tmpfs tmpfs rw\n32 20 0:32 / /mnt rw - ext4 /dev/sdb ro\n";

    #[test]
    fn a_read_only_mount_says_no_whatever_the_mode_says() {
        let evaluate = |path: &str, said: &str, wanted: &str| {
            let seen = Observations(
                [("writable".to_owned(), records(&[(path, 0, said)])), (MOUNTS.to_owned(), reply(0, TABLE_OF_MOUNTS))]
                    .into(),
            );
            Writable.evaluate(&expectation("writable", path, &[("value", equals(wanted))]), &seen, &Facts::default())
        };
        // As busybox 1.35 says it of a tmpfs that was mounted again read-only.
        for path in ["/mnt/ro", "/mnt/ro/file"] {
            assert_eq!(evaluate(path, &format!("on {path}."), "false"), [Verdict::MET], "{path}");
        }
        assert_eq!(
            evaluate("/mnt/rollback", "on /mnt/rollback.", "false"),
            [Verdict::MET],
            "the file system is read-only"
        );
        assert_eq!(evaluate("/etc", "on /etc.", "true"), [Verdict::MET]);
        assert_eq!(evaluate("/mnt/ro/dev", "true", "true"), [Verdict::MET]);
        for torn in ["", "on .", "on /etc", "readlink -f fails: "] {
            assert!(matches!(evaluate("/etc", torn, "false")[..], [Verdict::Unknown { .. }]), "{torn}");
        }
    }

    #[test]
    fn this_host_has_a_writable_and_a_read_only_place() {
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("a link\n");
        std::os::unix::fs::symlink(".", &link).unwrap();
        let writable = expectation("writable", link.to_str().unwrap(), &[("value", equals("true"))]);
        assert_eq!(evaluate_on_this_host(&Writable, &writable), [Verdict::MET]);
        let device = expectation("writable", "/dev/null", &[("value", equals("true"))]);
        assert_eq!(evaluate_on_this_host(&Writable, &device), [Verdict::MET]);
    }
}
