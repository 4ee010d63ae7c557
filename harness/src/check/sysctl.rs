//! `sysctl`: a kernel parameter of /proc/sys.

use crate::suite::table::{Attribute, CheckTable, Kind, Shorthand, Subject};

use super::asking::{subjects, unanswered, verdicts, wants};
use super::matching::Value;
use super::shell::{self, Answer};
use super::{Check, Observations, Probe, Verdict, attribute};
use crate::guest::facts::Facts;
use crate::suite::model::Expectation;
use std::collections::BTreeMap;

const ATTRIBUTES: &[Attribute] = &[
    attribute("value", Kind::Loose, "Its value now; runs of white space are one space."),
    attribute("exists", Kind::Bool, "Whether the kernel has it."),
    attribute(
        "persisted",
        Kind::Loose,
        "The value that sysctl.d files set at boot, by systemd-sysctl's precedence; `none` matches when no file sets it.",
    ),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "sysctl",
    summary: "A kernel parameter of /proc/sys.",
    subject: Subject::Named { what: "a parameter name such as `kernel.kptr_restrict`" },
    shorthand: Shorthand::Attribute("value"),
    attributes: ATTRIBUTES,
    reads: "/proc/sys; the sysctl.d directories and /etc/sysctl.conf only when `persisted` is asked for.",
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

    fn probes(&self, asked: &[&Expectation], _facts: &Facts) -> Vec<Probe> {
        let names = subjects(asked, &["value", "exists"]);
        let mut probes: Vec<Probe> = Probe::batch("sysctl/value", 20, &names, READ).into_iter().collect();
        if wants(asked, &["persisted"]) {
            probes.push(Probe::new("sysctl/files", 20, FILES));
        }
        probes
    }

    fn judge(&self, expectation: &Expectation, seen: &Observations, _facts: &Facts) -> Vec<Verdict> {
        let name = &expectation.subject;
        verdicts(&TABLE, expectation, |assertion| match assertion.attribute {
            "value" | "exists" => {
                let answer = seen.answer("sysctl/value", name)?;
                match (answer.status, assertion.attribute) {
                    (0, "exists") => Ok(Value::flag(true)),
                    (3, "exists") => Ok(Value::flag(false)),
                    (0, _) => Ok(Value::text(answer.output.split_whitespace().collect::<Vec<_>>().join(" "))),
                    (3, _) => Ok(Value::gone("the kernel has no such parameter")),
                    _ => Err(format!("{name} cannot be read: {}", answer.output)),
                }
            }
            "persisted" => Ok(persisted(&shell::answers(seen.reply("sysctl/files")?)?, name)
                .map_or_else(|| Value::absent("no file sets it"), Value::text)),
            _ => unanswered(assertion),
        })
    }
}

/// Status 3 says that there is no such parameter, and that /proc/sys is there to say so. As in
/// sysctl(8), the first separator decides whether dots or slashes separate the parts; in the
/// dotted form a slash stands for a dot of a name.
const READ: &str = r#"[ -d /proc/sys/kernel ] || { echo '/proc/sys is not there'; return 1; }
case $1 in
*..*|/*) return 3;;
esac
sep=${1%%[!A-Za-z0-9_-]*}; sep=${1#"$sep"}
case $sep in
/*) path=$1;;
*) path=; rest=$1
    while [ -n "$rest" ]; do
        char=${rest%"${rest#?}"}; rest=${rest#?}
        case $char in .) char=/;; /) char=.;; esac
        path=$path$char
    done;;
esac
[ -e "/proc/sys/$path" ] || return 3
cat "/proc/sys/$path""#;

/// All files that systemd-sysctl applies, later ones last: by file name, a name of an earlier
/// directory hiding the same name of a later one; /etc/sysctl.conf is only read where a
/// distribution links it there.
const FILES: &str = r#"seen=
for dir in /etc/sysctl.d /run/sysctl.d /usr/local/lib/sysctl.d /usr/lib/sysctl.d /lib/sysctl.d; do
    for file in "$dir"/*.conf; do
        [ -e "$file" ] || [ -L "$file" ] || continue
        base=${file##*/}
        case $seen in *"/$base/"*) continue;; esac
        seen="$seen/$base/"
        printf '%s\0%s\0%s\0' "$base" 0 "$(cat "$file")"
    done
done"#;

/// The value that the files leave a parameter with. Files are applied in the order of their names;
/// of two settings the later wins, and an exact one wins over one with a glob.
fn persisted(files: &BTreeMap<String, Answer>, name: &str) -> Option<String> {
    let wanted = canonical(name);
    let mut exact = None;
    let mut globbed = None;
    for line in files.values().flat_map(|file| file.output.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        let Some((key, value)) = line.split_once('=') else { continue };
        let key = canonical(key.trim().trim_start_matches('-'));
        let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
        if key == wanted {
            exact = Some(value);
        } else if key.contains('*') && glob_matches(&key, &wanted) {
            globbed = Some(value);
        }
    }
    exact.or(globbed)
}

/// The slash form.
fn canonical(name: &str) -> String {
    match name.find(['.', '/']).map(|at| name.as_bytes()[at]) {
        Some(b'.') => name
            .chars()
            .map(|c| {
                if c == '.' {
                    '/'
                } else if c == '/' {
                    '.'
                } else {
                    c
                }
            })
            .collect(),
        _ => name.to_owned(),
    }
}

/// Whether a path matches a pattern whose stars stand for parts of one name.
fn glob_matches(pattern: &str, path: &str) -> bool {
    let (patterns, parts): (Vec<&str>, Vec<&str>) = (pattern.split('/').collect(), path.split('/').collect());
    patterns.len() == parts.len()
        && patterns.iter().zip(parts).all(|(pattern, part)| match pattern.split_once('*') {
            None => *pattern == part,
            Some((before, after)) => {
                part.len() >= before.len() + after.len() && part.starts_with(before) && part.ends_with(after)
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_files_and_exact_names_win() {
        let file = |text: &str| Answer { status: 0, output: text.to_owned() };
        let files = BTreeMap::from([
            ("10-a.conf".to_owned(), file("# x\nkernel.kptr_restrict = 1\nnet.ipv4.conf.eth0.rp_filter=0\n; no\n")),
            (
                "50-b.conf".to_owned(),
                file("-kernel/kptr_restrict=2\nnet.ipv4.conf.*.rp_filter = 2\nnet.ipv4.tcp_rmem=4096  1 2"),
            ),
        ]);
        assert_eq!(persisted(&files, "kernel.kptr_restrict").as_deref(), Some("2"));
        assert_eq!(persisted(&files, "net.ipv4.conf.eth0.rp_filter").as_deref(), Some("0"));
        assert_eq!(persisted(&files, "net.ipv4.conf.eth1.rp_filter").as_deref(), Some("2"));
        assert_eq!(persisted(&files, "net/ipv4/tcp_rmem").as_deref(), Some("4096 1 2"));
        assert_eq!(persisted(&files, "kernel.other"), None);
    }
}
