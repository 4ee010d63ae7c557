//! `file`: a path in the guest. What is said of a symbolic link is said of the link itself, except content, sha256 and entries.

use muster_suite::grammar::{capabilities, paths, system};
use muster_suite::table::{Attribute, AttributeKind, CheckTable, Shorthand, Subject};

use super::file_capabilities;
use crate::assertions::{subjects, unanswered, verdicts};
use crate::check::{Check, Observations, Probe, Verdict, attribute};
use crate::observed::Value;
use crate::owner;
use crate::shell::{self, Answer, cat};
use crate::unreadable::{Read, Unreadable};
use crate::value;
use muster_record::facts::Facts;
use muster_suite::model::Expectation;

const ATTRIBUTES: &[Attribute] = &[
    attribute("exists", AttributeKind::Bool, "Whether the path exists; a dangling symbolic link exists."),
    attribute(
        "type",
        AttributeKind::Keyword(&["file", "directory", "symlink", "socket", "fifo", "block", "character"]),
        "What it is.",
    ),
    attribute("mode", AttributeKind::Mode, "Permission bits with setuid, setgid and sticky."),
    attribute("owner", AttributeKind::Text, "Name of the owner."),
    attribute("group", AttributeKind::Text, "Name of the group."),
    attribute("uid", AttributeKind::Integer, "Number of the owner."),
    attribute("gid", AttributeKind::Integer, "Number of the group."),
    attribute("size", AttributeKind::Size, "Size in bytes."),
    attribute("links", AttributeKind::Integer, "Number of hard links."),
    attribute("target", AttributeKind::Text, "What a symbolic link says."),
    attribute(
        "resolves-to",
        AttributeKind::Name(&paths::FILE),
        "The canonical path, all symbolic links followed; none where the last one leads to nothing.",
    ),
    attribute("sha256", AttributeKind::Name(&paths::SHA256), "SHA-256 of the content, 64 lower-case hex digits."),
    attribute("content", AttributeKind::Output, "The content, as text."),
    attribute("entries", AttributeKind::Set(&paths::FILE_NAME), "Names in a directory, hidden ones too."),
    attribute("selinux-type", AttributeKind::Name(&system::SELINUX_TYPE), "The type of its SELinux label."),
    attribute("selinux-label", AttributeKind::Text, "Its whole SELinux label."),
    attribute(
        "capabilities",
        AttributeKind::Set(&capabilities::OF_FILE),
        "File capabilities, as `cap_net_raw=ep`; none of what is not a regular file.",
    ),
    attribute(
        "owned-by",
        AttributeKind::Text,
        "Name of the package that owns it; `none` matches when no package does.",
    ),
    attribute(
        "world-writable",
        AttributeKind::Bool,
        "Whether others may write to it; not a directory with the sticky bit, and not a link.",
    ),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "file",
    summary: "A path in the guest. What is said of a symbolic link is said of the link itself, except content, sha256 and entries.",
    subject: Subject::Named(&paths::FILE),
    shorthand: Shorthand::Keywords(&[
        ("present", "exists", "true"),
        ("absent", "exists", "false"),
        ("file", "type", "file"),
        ("directory", "type", "directory"),
        ("symlink", "type", "symlink"),
    ]),
    gone: &["exists"],
    attributes: ATTRIBUTES,
    reads: "One `stat -c` for all paths; `readlink`, `sha256sum`, `cat`, `getcap` and `rpm -qf` or `dpkg-query -S` only for attributes that need them.",
    example: r#"file:
  /etc/shadow: {mode: "0000", owner: root, selinux-type: shadow_t}
  /usr/bin/ping: {capabilities: {has: [cap_net_raw=p]}}
  /sbin: {type: symlink, target: usr/sbin}
"#,
};

/// The check type.
pub struct File;

impl Check for File {
    fn table(&self) -> &'static CheckTable {
        &TABLE
    }

    fn probes(&self, wanted: &[&Expectation], facts: &Facts) -> Vec<Probe> {
        let mut probes = Vec::new();
        let mut batch = |key: &str, seconds, tool: &str, attributes: &[&str], command: &str| {
            probes.extend(Probe::batch_with(key, seconds, tool, &subjects(wanted, attributes), command));
        };
        let all: Vec<&str> = ATTRIBUTES.iter().map(|attribute| attribute.name).collect();
        batch("file/stat", 30, "stat", &all, r#"exec stat -c '%f %s %h %u %g %U %G' -- "$1""#);
        batch("file/target", 20, "readlink", &["target"], r#"readlink -- "$1""#);
        batch("file/resolved", 20, "readlink", &["resolves-to"], RESOLVED);
        batch("file/sha256", 120, "sha256sum", &["sha256"], r#"sha256sum -- "$1""#);
        batch("file/content", 30, "cat", &["content"], cat!("\"$1\""));
        batch("file/entries", 30, "ls", &["entries"], ENTRIES);
        batch("file/label", 20, "stat", &["selinux-type", "selinux-label"], r#"stat -c %C -- "$1""#);
        batch("file/capabilities", 20, "getcap", &["capabilities"], r#"getcap -v -- "$1""#);
        probes.extend(owner::probe("file/owner", &subjects(wanted, &["owned-by"]), facts, "", "\"$1\""));
        probes
    }

    fn evaluate(&self, expectation: &Expectation, seen: &Observations, facts: &Facts) -> Vec<Verdict> {
        let path = &expectation.subject;
        verdicts(&TABLE, expectation, |assertion| {
            let Some(stat) = stat(path, &seen.answer("file/stat", path)?)? else {
                return Ok(if assertion.attribute == "exists" { Value::flag(false) } else { Value::gone("not there") });
            };
            let said = |key: &str| -> Read<String> {
                let answer = seen.answer(key, path)?;
                if answer.status == 0 {
                    Ok(answer.output)
                } else {
                    Err(Unreadable::new(format!("{path}: {}", answer.output)))
                }
            };
            let label = || {
                let answer = seen.answer("file/label", path)?;
                match (answer.status, answer.output.as_str()) {
                    (0, "?" | "") => Ok(Value::absent("no SELinux label")),
                    (0, label) if label.contains(':') => Ok(Value::text(label)),
                    // A stat without SELinux prints the letter of the format.
                    (0, _) => Err(Unreadable::new("this stat does not read SELinux labels")),
                    // A file system without labels, or a kernel without SELinux.
                    (_, said) if said.contains("No data available") || said.contains("Operation not supported") => {
                        Ok(Value::absent("no SELinux label"))
                    }
                    (_, said) => Err(Unreadable::new(format!("{path}: {said}"))),
                }
            };
            let is_directory = |key: &str| {
                seen.answer(key, path)
                    .is_ok_and(|answer| answer.status != 0 && answer.output.contains(": Is a directory"))
            };
            match assertion.attribute {
                "exists" => Ok(Value::flag(true)),
                "type" => Ok(Value::text(stat.kind()?)),
                "mode" => Ok(Value::text(format!("{:04o}", stat.raw & 0o7777))),
                "owner" => Ok(Value::text(stat.owner)),
                "group" => Ok(Value::text(stat.group)),
                "uid" => Ok(Value::text(stat.uid.to_string())),
                "gid" => Ok(Value::text(stat.gid.to_string())),
                "size" => Ok(Value::Text(value::of_bytes(stat.size))),
                "links" => Ok(Value::text(stat.links.to_string())),
                "world-writable" => {
                    // The sticky bit keeps others from what is in a directory; on a file it means nothing.
                    let kind = stat.kind()?;
                    let sticky = kind == "directory" && stat.raw & 0o1000 != 0;
                    Ok(Value::flag(stat.raw & 0o002 != 0 && !sticky && kind != "symlink"))
                }
                "target" if stat.kind()? != "symlink" => Ok(Value::absent("not a symbolic link")),
                "target" => said("file/target").map(Value::Text),
                "resolves-to" => {
                    let answer = seen.answer("file/resolved", path)?;
                    match answer.status {
                        0 => Ok(Value::Text(answer.output)),
                        DANGLING => Ok(Value::absent("dangling")),
                        _ => Err(Unreadable::new(format!("{path}: {}", answer.output))),
                    }
                }
                "sha256" if is_directory("file/sha256") => Ok(Value::gone("a directory")),
                "content" if is_directory("file/content") => Ok(Value::gone("a directory")),
                "sha256" => {
                    let line = said("file/sha256")?;
                    // A name with odd characters makes coreutils put a backslash before the digest.
                    let digest = line.trim_start_matches('\\').split(' ').next().unwrap_or_default();
                    if digest.len() == 64 {
                        Ok(Value::text(digest))
                    } else {
                        Err(Unreadable::new(format!("sha256sum says `{line}`")))
                    }
                }
                "content" => shell::whole(&said("file/content")?).map(|text| Value::text(text.trim_end_matches('\n'))),
                "entries" if seen.answer("file/entries", path)?.output == "not a directory" => {
                    Ok(Value::gone("not a directory"))
                }
                "entries" => shell::names(&said("file/entries")?).map(Value::Items),
                "selinux-label" => label(),
                "selinux-type" => Ok(match label()? {
                    Value::Text(label) => match label.split(':').nth(2) {
                        Some(kind) => Value::text(kind),
                        None => return Err(Unreadable::new(format!("the label of {path} is `{label}`"))),
                    },
                    other => other,
                }),
                "capabilities" if stat.kind()? != "file" => Ok(Value::absent("not a regular file")),
                "capabilities" => {
                    let line = said("file/capabilities")?;
                    // It names every file that it looked at.
                    let list = line
                        .strip_prefix(path.as_str())
                        .ok_or_else(|| Unreadable::new(format!("getcap -v says `{line}`")))?;
                    file_capabilities::read(list).map(Value::Items)
                }
                "owned-by" => owner::read(&seen.answer("file/owner", path)?, facts),
                _ => unanswered(assertion),
            }
        })
    }
}

/// The canonical path. `readlink -f` has one also for a link whose last part is missing: whether anything is there
/// says the file system.
const RESOLVED: &str = r#"path=$(readlink -f -- "$1" && echo .) || { [ ! -e "$1" ] || { echo 'readlink -f fails'; return 1; }; echo; return 3; }
[ -e "$1" ] || return 3
case $path in /*) printf '%s\n' "${path%?.}";; *) echo "readlink -f says \`$path\`"; return 1;; esac"#;
/// Its status where what a link leads to is not there.
const DANGLING: i32 = 3;

/// Names of what is in a directory, hidden ones too; `.` and `..` prove that ls speaks.
const ENTRIES: &str = r#"[ -d "$1" ] || { echo 'not a directory'; return 1; }
said=$(ls -a -- "$1") || { echo "$said"; return 1; }
case $said in .*) ;; *) echo 'ls -a does not even print the directory itself'; return 1;; esac
printf 'names:'
for path in "$1"/* "$1"/.[!.]* "$1"/..?*; do
    [ ! -e "$path" ] && [ ! -L "$path" ] || printf '%s/' "${path##*/}"
done"#;

struct Stat {
    raw: u32,
    size: u128,
    links: u64,
    uid: u32,
    gid: u32,
    owner: String,
    group: String,
}

impl Stat {
    fn kind(&self) -> Read<&'static str> {
        kind_of(self.raw)
    }
}

/// The word for what a path is, from the `st_mode` that stat prints as `%f`.
pub fn kind_of(raw: u32) -> Read<&'static str> {
    Ok(match raw & 0o170_000 {
        0o100_000 => "file",
        0o040_000 => "directory",
        0o120_000 => "symlink",
        0o140_000 => "socket",
        0o010_000 => "fifo",
        0o060_000 => "block",
        0o020_000 => "character",
        other => return Err(Unreadable::new(format!("the file type bits are {other:o}"))),
    })
}

/// `None` when the path does not exist, which stat says in words; anything else it says is an error.
fn stat(path: &str, answer: &Answer) -> Read<Option<Stat>> {
    if answer.status != 0 {
        let gone = ["No such file or directory", "Not a directory"].iter().any(|words| answer.output.ends_with(words));
        return if gone { Ok(None) } else { Err(Unreadable::new(format!("stat {path}: {}", answer.output))) };
    }
    let fields: Vec<&str> = answer.output.split(' ').collect();
    let parsed = || {
        let [raw, size, links, uid, gid, owner, group] = fields.as_slice() else { return None };
        Some(Stat {
            raw: u32::from_str_radix(raw, 16).ok()?,
            size: size.parse().ok()?,
            links: links.parse().ok()?,
            uid: uid.parse().ok()?,
            gid: gid.parse().ok()?,
            owner: (*owner).to_owned(),
            group: (*group).to_owned(),
        })
    };
    parsed().map(Some).ok_or_else(|| Unreadable::new(format!("stat {path} says `{}`", answer.output)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{equals, evaluate_on_this_host, expectation, missed, records, seen};
    use muster_suite::model::{Matcher, Operator};
    use std::path::Path;

    #[test]
    fn real_files_are_read_with_hostile_names() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a $(touch x) 'b'\n;");
        std::fs::write(&path, "one\ntwo\n").unwrap();
        std::os::unix::fs::symlink("nowhere", dir.path().join("link")).unwrap();
        let wanted = expectation(
            "file",
            path.to_str().unwrap(),
            &[
                ("type", equals("file")),
                ("size", equals("8 B")),
                ("content", Matcher::Line("two".into())),
                ("sha256", equals("c3f9c8c283a2b1f2f1896f27a01cbe3cddc0c9d93f752e4639035a0f5b36f6e8")),
            ],
        );
        let verdicts = evaluate_on_this_host(&File, &wanted);
        assert_eq!(verdicts, vec![Verdict::MET; 4]);
        let link = dir.path().join("link");
        let wanted = expectation(
            "file",
            link.to_str().unwrap(),
            &[("type", equals("symlink")), ("target", equals("nowhere")), ("exists", equals("true"))],
        );
        assert_eq!(evaluate_on_this_host(&File, &wanted), vec![Verdict::MET; 3]);
        let resolved = |path: &Path, wanted: Matcher| {
            let wanted = expectation("file", path.to_str().unwrap(), &[("resolves-to", wanted)]);
            evaluate_on_this_host(&File, &wanted).remove(0)
        };
        let canonical = dir.path().canonicalize().unwrap();
        let nowhere = canonical.join("nowhere");
        let verdict = resolved(&link, equals(nowhere.to_str().unwrap()));
        assert_eq!(missed(&verdict).1, "dangling", "readlink -f has a path for it");
        assert_eq!(resolved(&link, Matcher::None), Verdict::MET);
        let round = dir.path().join("round");
        std::os::unix::fs::symlink("round", &round).unwrap();
        assert_eq!(missed(&resolved(&round, equals("/x"))).1, "dangling");
        let good = dir.path().join("good");
        std::os::unix::fs::symlink(&path, &good).unwrap();
        let target = canonical.join(path.file_name().unwrap());
        assert_eq!(resolved(&good, equals(target.to_str().unwrap())), Verdict::MET);
        for link in [round, good] {
            std::fs::remove_file(link).unwrap();
        }
        std::fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o1710)).unwrap();
        let entries = expectation(
            "file",
            dir.path().to_str().unwrap(),
            &[("entries", Matcher::Has(vec!["link".into()])), ("mode", equals("1710"))],
        );
        assert_eq!(evaluate_on_this_host(&File, &entries), vec![Verdict::MET; 2]);
        std::fs::write(dir.path().join("two\nlines"), "").unwrap();
        let names = ["link", "two\nlines", "a $(touch x) 'b'\n;"].map(str::to_owned);
        let only = expectation(
            "file",
            dir.path().to_str().unwrap(),
            &[("entries", Matcher::Only(names.into())), ("entries", Matcher::Count(Box::new(equals("3"))))],
        );
        assert_eq!(evaluate_on_this_host(&File, &only), vec![Verdict::MET; 2]);
        let dir = expectation("file", dir.path().to_str().unwrap(), &[("content", Matcher::Empty(true))]);
        assert_eq!(missed(&evaluate_on_this_host(&File, &dir)[0]).1, "a directory");
        let plain = expectation("file", "/etc/passwd", &[("entries", Matcher::None), ("selinux-type", Matcher::None)]);
        let verdicts = evaluate_on_this_host(&File, &plain);
        assert_eq!((missed(&verdicts[0]).1, &verdicts[1]), ("not a directory", &Verdict::MET));
        let gone = expectation("file", "/no/such", &[("exists", equals("false")), ("mode", equals("0644"))]);
        let verdicts = evaluate_on_this_host(&File, &gone);
        assert_eq!((&verdicts[0], missed(&verdicts[1]).1), (&Verdict::MET, "not there"));
    }

    #[test]
    fn a_stat_that_failed_is_not_an_absent_file() {
        let wanted = expectation("file", "/x", &[("exists", equals("false"))]);
        let evaluate = |output| {
            File.evaluate(&wanted, &seen("file/stat", records(&[("/x", 1, output)])), &Facts::default()).remove(0)
        };
        assert_eq!(evaluate("stat: cannot statx '/x': No such file or directory"), Verdict::MET);
        assert_eq!(evaluate("stat: can't stat '/x': Not a directory"), Verdict::MET);
        assert!(matches!(evaluate("stat: cannot statx '/x': Permission denied"), Verdict::Unknown { .. }));
        assert!(matches!(evaluate("stat: cannot statx '/x': Input/output error"), Verdict::Unknown { .. }));
    }

    #[test]
    fn the_sticky_bit_protects_directories_only_and_only_files_have_capabilities() {
        let directory = tempfile::tempdir().unwrap();
        let seen_of = |path: &Path, attribute: &'static str, matcher: Matcher| {
            let wanted = expectation("file", path.to_str().unwrap(), &[(attribute, matcher)]);
            evaluate_on_this_host(&File, &wanted).remove(0)
        };
        let file = directory.path().join("file");
        let inner = directory.path().join("directory");
        std::fs::write(&file, "").unwrap();
        std::fs::create_dir(&inner).unwrap();
        for (path, open) in [(&file, "true"), (&inner, "false")] {
            std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o1777)).unwrap();
            assert_eq!(seen_of(path, "world-writable", equals(open)), Verdict::MET, "{path:?}");
        }
        std::os::unix::fs::symlink("file", directory.path().join("link")).unwrap();
        if !crate::testing::this_host_lacks("/usr/sbin/getcap") {
            for path in [inner, directory.path().join("link"), file] {
                assert_eq!(seen_of(&path, "capabilities", Matcher::None), Verdict::MET, "{path:?}");
                let some = Matcher::Count(Box::new(Matcher::Compare(vec![(Operator::Ge, "1".into())])));
                assert!(matches!(seen_of(&path, "capabilities", some), Verdict::Missed { .. }), "{path:?}");
            }
        }
    }
}
