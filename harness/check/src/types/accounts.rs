//! `accounts`: all accounts together.

use muster_suite::grammar::accounts;
use muster_suite::table::{Attribute, AttributeKind, CheckTable, Shorthand, Subject};

use crate::assertions::{unanswered, verdicts, wants};
use crate::check::{Check, Observations, Probe, Verdict, attribute};
use crate::observed::Value;
use crate::unreadable::{Read, Unreadable};
use muster_record::facts::Facts;
use muster_suite::model::Expectation;
use std::collections::{BTreeMap, BTreeSet};

const ATTRIBUTES: &[Attribute] = &[
    attribute("users", AttributeKind::Set(&accounts::USER), "Names of all users of /etc/passwd."),
    attribute("groups", AttributeKind::Set(&accounts::GROUP), "Names of all groups of /etc/group."),
    attribute("login", AttributeKind::Set(&accounts::USER), "Users whose shell lets them log in."),
    attribute("uid-zero", AttributeKind::Set(&accounts::USER), "Users with uid 0."),
    attribute(
        "with-password",
        AttributeKind::Set(&accounts::USER),
        "Users with a usable password, of /etc/passwd, or of /etc/shadow where that refers to it (`x`).",
    ),
    attribute(
        "empty-password",
        AttributeKind::Set(&accounts::USER),
        "Users with an empty password, of /etc/passwd, or of /etc/shadow where that refers to it (`x`).",
    ),
    attribute("duplicate-uids", AttributeKind::Set(&accounts::NUMBER), "Uids that several users have."),
    attribute("duplicate-gids", AttributeKind::Set(&accounts::NUMBER), "Gids that several groups have."),
    attribute(
        "regular",
        AttributeKind::Set(&accounts::USER),
        "Users with a uid of 1000 and more, nobody (65534) excepted.",
    ),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "accounts",
    summary: "All accounts together.",
    subject: Subject::Whole,
    shorthand: Shorthand::None,
    gone: &[],
    attributes: ATTRIBUTES,
    reads: "/etc/passwd, /etc/group, /etc/shadow.",
    example: r#"accounts:
  uid-zero: {only: [root]}
  empty-password: none
  login: {lacks: [games]}
"#,
};

/// POSIX sh that prints the line of `$1` in a database of names, and ends with 2 when there is none. Without `getent` and without a
/// switch of name services, as on small systems, the file is all there is.
pub(super) fn lookup(database: &str) -> String {
    LOOKUP.replace("DATABASE", database)
}

const LOOKUP: &str = r#"if command -v getent >/dev/null 2>&1; then getent DATABASE -- "$1"; return; fi
[ ! -e /etc/nsswitch.conf ] || { echo 'getent: not found'; return 127; }
[ -s /etc/DATABASE ] && [ -r /etc/DATABASE ] || { echo 'getent: not found, and /etc/DATABASE cannot be read'; return 127; }
while IFS= read -r line || [ -n "$line" ]; do
    case $line in "$1":*) printf '%s\n' "$line"; return 0;; esac
done </etc/DATABASE
return 2"#;

/// The check type.
pub struct Accounts;

impl Check for Accounts {
    fn table(&self) -> &'static CheckTable {
        &TABLE
    }

    fn probes(&self, asked: &[&Expectation], _facts: &Facts) -> Vec<Probe> {
        let mut probes = Vec::new();
        if wants(asked, &["users", "login", "uid-zero", "duplicate-uids", "regular", "with-password", "empty-password"])
        {
            probes.push(Probe::new(PASSWD, 10, "cat /etc/passwd"));
        }
        if wants(asked, &["groups", "duplicate-gids"]) {
            probes.push(Probe::new(GROUP, 10, "cat /etc/group"));
        }
        if wants(asked, &["with-password", "empty-password"]) {
            probes.push(Probe::new(SHADOW, 10, "cat /etc/shadow"));
        }
        probes
    }

    fn evaluate(&self, expectation: &Expectation, seen: &Observations, _facts: &Facts) -> Vec<Verdict> {
        verdicts(&TABLE, expectation, |assertion| {
            let passwd = || seen.output(PASSWD);
            let name = |fields: &[&str]| fields[0].to_owned();
            Ok(Value::Items(match assertion.attribute {
                "users" => rows(&passwd()?, 7)?.iter().map(|row| name(row)).collect(),
                "login" => rows(&passwd()?, 7)?.iter().filter(|row| lets_in(row[6])).map(|row| name(row)).collect(),
                "uid-zero" => {
                    rows(&passwd()?, 7)?.iter().filter(|row| row[2].parse() == Ok(0u32)).map(|row| name(row)).collect()
                }
                "regular" => rows(&passwd()?, 7)?
                    .iter()
                    .filter(|row| row[2].parse().is_ok_and(|uid: u32| uid >= 1000 && uid != 65534))
                    .map(|row| name(row))
                    .collect(),
                "duplicate-uids" => twice(rows(&passwd()?, 7)?.iter().map(|row| row[2])),
                "groups" => rows(&seen.output(GROUP)?, 4)?.iter().map(|row| name(row)).collect(),
                "duplicate-gids" => twice(rows(&seen.output(GROUP)?, 4)?.iter().map(|row| row[2])),
                "with-password" => with_state(&passwd()?, &seen.output(SHADOW)?, "set")?,
                "empty-password" => with_state(&passwd()?, &seen.output(SHADOW)?, "empty")?,
                _ => return unanswered(assertion),
            }))
        })
    }
}

/// Key of the probe that reads /etc/passwd.
pub const PASSWD: &str = "accounts/etc-passwd";
/// Key of the probe that reads /etc/shadow.
pub(super) const SHADOW: &str = "accounts/etc-shadow";
const GROUP: &str = "accounts/etc-group";

/// Whether a login shell lets somebody in; an empty one is /bin/sh.
pub(super) fn lets_in(shell: &str) -> bool {
    !matches!(shell.rsplit('/').next(), Some("nologin" | "false" | "true" | "sync" | "shutdown" | "halt"))
}

/// State of a user's password, `set`, `empty`, `locked` or `none`, by the second field of the line in passwd
/// and by /etc/shadow. `None` when passwd refers to a line that is not there.
///
/// As pam_unix decides (Linux-PAM's passverify.c, `_unix_get_passwd_entry` and `is_pwd_shadowed`): /etc/shadow counts
/// only where passwd has `x`, or a name behind `##`; whatever else stands in passwd is the password, and
/// nothing there is an empty one.
pub(super) fn password(passwd_field: &str, shadow: &str, name: &str) -> Option<&'static str> {
    if passwd_field != "x" && !passwd_field.starts_with("##") {
        return Some(state(passwd_field));
    }
    shadow.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(name)).then(|| state(fields.next().unwrap_or("*")))
    })
}

fn state(field: &str) -> &'static str {
    match field {
        "" => "empty",
        locked if locked.starts_with('!') => "locked",
        // A hash begins with `$` or is the 13 characters of DES; `*` and `x` can never match.
        hash if hash.starts_with('$') || hash.starts_with('_') || hash.len() == 13 => "set",
        _ => "none",
    }
}

/// Users whose password is so. A line of /etc/shadow counts also without one in /etc/passwd, since another name
/// service may have the account and use it.
fn with_state(passwd: &str, shadow: &str, wanted: &str) -> Read<Vec<String>> {
    let users = rows(passwd, 7)?;
    let shadow_rows = rows(shadow, 9)?;
    let own = users.iter().filter(|user| password(user[1], shadow, user[0]) == Some(wanted)).map(|user| user[0]);
    let local: BTreeSet<&str> = users.iter().map(|user| user[0]).collect();
    let others = shadow_rows.iter().filter(|row| !local.contains(row[0]) && state(row[1]) == wanted);
    let mut names: Vec<String> = own.chain(others.map(|row| row[0])).map(str::to_owned).collect();
    names.sort();
    names.dedup();
    Ok(names)
}

fn rows(file: &str, fields: usize) -> Read<Vec<Vec<&str>>> {
    let rows: Vec<Vec<&str>> = file
        .lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with(['#', '+', '-']))
        .map(|line| line.split(':').collect())
        .collect();
    match rows.iter().find(|row| row.len() != fields) {
        Some(bad) => {
            Err(Unreadable::new(format!("the line of `{}` has {} fields instead of {fields}", bad[0], bad.len())))
        }
        None if rows.is_empty() => Err(Unreadable::new("the account file is empty")),
        None => Ok(rows),
    }
}

fn twice<'a>(items: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut counts = BTreeMap::new();
    items.for_each(|item| *counts.entry(item).or_insert(0) += 1);
    counts.into_iter().filter(|(_, count)| *count > 1).map(|(item, _)| item.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_getent_the_file_says_it_unless_another_source_might() {
        let etc = tempfile::tempdir().unwrap();
        let path = |name: &str| etc.path().join(name);
        let script = format!("lookup() {{\n{}\n}}\nlookup \"$1\"", lookup("passwd"));
        let script = script.replace("/etc/", &format!("{}/", etc.path().display()));
        let find = |name: &str| {
            let mut shell = std::process::Command::new("/bin/sh");
            let ended = shell.args(["-c", &script, "sh", name]).env("PATH", etc.path()).output().unwrap();
            (ended.status.code().unwrap(), String::from_utf8(ended.stdout).unwrap())
        };
        assert_eq!(find("root").0, 127, "there is no file");
        std::fs::write(path("passwd"), "root:x:0:0::/:/bin/sh\nroots:x:1:1::/:/bin/sh").unwrap();
        assert_eq!(find("root"), (0, "root:x:0:0::/:/bin/sh\n".to_owned()));
        assert_eq!(find("roots"), (0, "roots:x:1:1::/:/bin/sh\n".to_owned()), "the last line has no end");
        assert_eq!(find("r*"), (2, String::new()), "a name is no pattern");
        std::fs::write(path("nsswitch.conf"), "passwd: ldap\n").unwrap();
        assert_eq!(find("root").0, 127);
    }

    #[test]
    fn the_four_states_of_a_password_are_distinguished() {
        let shadow =
            "root:!*:1::::::\nlab:$y$j9T$x:1::::::\nopen::1::::::\ndaemon:*:1::::::\nold:abcdefghijklm:1::::::\n";
        let state = |name| password("x", shadow, name);
        assert_eq!((state("root"), state("lab"), state("open")), (Some("locked"), Some("set"), Some("empty")));
        assert_eq!((state("daemon"), state("old"), state("nobody")), (Some("none"), Some("set"), None));
        let passwd = "a:x:0:0::/:\n";
        assert_eq!(with_state(passwd, "a:$6$:1:0:99999:7:::\nb:*:1:0:99999:7:::\n", "set"), Ok(vec!["a".to_owned()]));
        let torn = with_state(passwd, "a:$6$", "set").unwrap_err();
        assert_eq!(torn.to_string(), "the line of `a` has 2 fields instead of 9");
        assert_eq!(twice(["0", "1", "0"].into_iter()), ["0"]);
        assert!(lets_in("/bin/bash") && lets_in("") && !lets_in("/usr/sbin/nologin"));
    }

    #[test]
    fn a_password_in_passwd_counts_whatever_shadow_says() {
        let shadow = "open:!*:1::::::\nset:*:1::::::\nadjunct:$6$x:1::::::\nstar:$6$x:1::::::\nelsewhere::1::::::\n";
        let passwd = "root:x:0:0::/:\nopen::1:1::/:\nset:$6$x:2:2::/:\nadjunct:##adjunct:3:3::/:\nstar:*:4:4::/:\n";
        let of = |field, name| password(field, shadow, name);
        assert_eq!((of("", "open"), of("$6$x", "set"), of("*", "star")), (Some("empty"), Some("set"), Some("none")));
        assert_eq!((of("##adjunct", "adjunct"), of("!x", "set")), (Some("set"), Some("locked")));
        let named = |wanted| with_state(passwd, shadow, wanted).unwrap();
        assert_eq!(named("empty"), ["elsewhere", "open"]);
        assert_eq!(named("set"), ["adjunct", "set"]);
        assert_eq!(named("locked"), Vec::<String>::new());
    }
}
