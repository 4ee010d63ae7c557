//! `writable`: whether root can write to a path.

use muster_suite::grammar::paths;
use muster_suite::table::{Attribute, AttributeKind, CheckTable, Shorthand, Subject};

use crate::assertions::{subjects, unanswered, verdicts};
use crate::check::{Check, Observations, Probe, Verdict, attribute};
use crate::observed::Value;
use crate::proc::{Mount, mounts};
use crate::unreadable::{Read, Unreadable};
use muster_base::text::one_line;
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
                    let place = other.strip_prefix("on ").and_then(|place| place.strip_suffix('.'));
                    let place = place.and_then(|place| place.split_once(' '));
                    let (id, path) =
                        place.filter(|(_, path)| path.starts_with('/')).ok_or_else(|| Unreadable::new(other))?;
                    let all = mounts(&seen.output(MOUNTS)?)?;
                    let mount = if id == "?" { certain_mount_of(&all, path)? } else { mount_of_id(&all, id)? };
                    Ok(Value::flag(!mount.is_read_only()))
                }
            },
            _ => unanswered(assertion),
        })
    }
}

/// The key that other types read the mount table by, too.
const MOUNTS: &str = "mount/info";

/// `test -w` of busybox looks at modes alone, which root passes on a read-only file system: of files and directories, the
/// mount decides as well. A device or a socket on such a file system can be written to. Which mount it is, the kernel says
/// of what is open (proc_pid_fdinfo(5), since Linux 3.15); `?` where it cannot be opened to be read.
const WRITABLE: &str = r#"if [ -w "$1" ]; then
    { [ -f "$1" ] || [ -d "$1" ]; } || { echo true; return 0; }
    path=$(readlink -f -- "$1" && echo .) || { echo "readlink -f fails: $path"; return 1; }
    id=
    { while read -r field value; do case $field in mnt_id:) id=$value;; esac; done </proc/self/fdinfo/3; } 2>/dev/null 3<"$1"
    printf 'on %s %s.\n' "${id:-?}" "${path%??}"
elif [ -e "$1" ] || [ -L "$1" ]; then echo false; else echo absent; fi"#;

/// The mount that the kernel calls so.
fn mount_of_id<'a>(mounts: &'a [Mount], id: &str) -> Read<&'a Mount> {
    let id: u64 = id.parse().map_err(|_| Unreadable::new(format!("its mount is `{}`", one_line(id, 40))))?;
    mounts
        .iter()
        .find(|mount| mount.id == id)
        .ok_or_else(|| Unreadable::new(format!("it is on mount {id}, which the mount table does not have")))
}

/// The mount that a canonical path is on, by the mount table alone: the longest one above it, of several in one place the
/// last. A later one above that may hide it or not, which the table does not say.
fn certain_mount_of<'a>(mounts: &'a [Mount], path: &str) -> Read<&'a Mount> {
    let above = |mount: &Mount| {
        mount.path == "/" || path.strip_prefix(&mount.path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    // Of equal ones `max_by_key` has the last.
    let longest = mounts.iter().enumerate().filter(|(_, mount)| above(mount)).max_by_key(|(_, mount)| mount.path.len());
    let (at, mount) = longest.ok_or_else(|| Unreadable::new("nothing is mounted above it"))?;
    match mounts[at + 1..].iter().find(|later| above(later)) {
        Some(later) => Err(Unreadable::new(format!(
            "it cannot be opened to see which mount it is on: {} was mounted before {}",
            one_line(&mount.path, 80),
            one_line(&later.path, 80)
        ))),
        None => Ok(mount),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{equals, evaluate_on_this_host, expectation, records, reply};

    const TABLE_OF_MOUNTS: &str = "20 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n31 20 0:31 / /mnt rw - tmpfs tmpfs rw\n32 31 0:32 / /mnt rw - ext4 /dev/sdb ro\n33 32 0:33 / /mnt/ro ro,relatime - tmpfs tmpfs rw\n40 20 0:40 / /srv/ro ro - tmpfs tmpfs rw\n41 20 0:41 / /srv rw - tmpfs tmpfs rw\n";

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
            for id in ["33", "?"] {
                assert_eq!(evaluate(path, &format!("on {id} {path}."), "false"), [Verdict::MET], "{id} {path}");
            }
        }
        for id in ["32", "?"] {
            let said = format!("on {id} /mnt/rollback.");
            assert_eq!(evaluate("/mnt/rollback", &said, "false"), [Verdict::MET], "the file system is read-only");
        }
        assert_eq!(evaluate("/etc", "on 20 /etc.", "true"), [Verdict::MET]);
        assert_eq!(evaluate("/mnt/ro/dev", "true", "true"), [Verdict::MET]);
        // What was mounted on /srv later hides the read-only mount below it; without the kernel's word it may be either.
        assert_eq!(evaluate("/srv/ro/file", "on 41 /srv/ro/file.", "true"), [Verdict::MET]);
        for unknown in ["", "on .", "on 20 /etc", "on /srv/ro.", "on 99 /srv/ro.", "on x /srv/ro.", "on ? /srv/ro."] {
            assert!(matches!(evaluate("/srv/ro", unknown, "false")[..], [Verdict::Unknown { .. }]), "{unknown}");
        }
    }

    #[test]
    fn the_kernel_says_which_mount_a_path_of_this_host_is_on() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("a file");
        std::fs::write(&file, "").unwrap();
        let names = [directory.path().to_str().unwrap(), file.to_str().unwrap()];
        let reply = crate::testing::with_tools(&[], &crate::shell::batch(names, WRITABLE));
        let answers = crate::shell::answers(&reply).unwrap();
        let all = mounts(&std::fs::read_to_string("/proc/self/mountinfo").unwrap()).unwrap();
        for name in names {
            let id = answers[name].output.strip_prefix("on ").and_then(|said| said.split(' ').next()).unwrap();
            assert!(mount_of_id(&all, id).is_ok(), "{}", answers[name].output);
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
