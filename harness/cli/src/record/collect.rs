//! What is read in the guest for each source, and the facts in the answers. Pure. The readings of
//! snapshots serve where there are some; what they leave out as volatile is left out here too.

use super::sources::{Of, RecordSource};
use muster_base::text::{escape_bytes, last_words, one_line};
use muster_check::kernel_config::{Config, Setting};
use muster_check::types::file::kind_of;
use muster_check::{Probe, shell};
use muster_facts::groups::{self, Group};
use muster_facts::sources as facts;
use muster_facts::sources::Row;
use muster_guest::{End, Reply};
use muster_suite::model::SnapshotSource;

/// One thing that was seen: its name and, by attribute of the check for it, what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fact {
    pub(super) name: String,
    pub(super) cells: Vec<(&'static str, String)>,
}

impl Fact {
    fn new(name: &str, cells: &[(&'static str, &str)]) -> Self {
        let cells = cells.iter().map(|(attribute, value)| (*attribute, (*value).to_owned())).collect();
        Self { name: name.to_owned(), cells }
    }

    /// What was seen of an attribute.
    pub(super) fn get(&self, attribute: &str) -> &str {
        self.cells.iter().find(|(name, _)| *name == attribute).map_or("", |(_, value)| value)
    }
}

/// Why an answer has no facts. What the guest says in it is escaped and bounded.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum CollectError {
    /// What the reader of the answer says.
    #[error("{0}")]
    Reading(String),
    #[error("there is nothing in the answer")]
    Nothing,
    #[error("{path}: {why}")]
    Path { path: String, why: String },
    #[error("the reading did not end before its time-out")]
    TimedOut,
    #[error("the reading printed more than the limit")]
    TooMuch,
    #[error("the reading ended with status {status}: {said}")]
    Status { status: i32, said: String },
}

impl CollectError {
    /// For `map_err`: what a reader of answers says.
    fn reading(why: impl std::fmt::Display) -> Self {
        Self::Reading(why.to_string())
    }
}

/// Names of everything on the search path that can be run.
const COMMANDS: &str = r#"rest=${PATH:-/usr/sbin:/usr/bin:/sbin:/bin}:
while [ -n "$rest" ]; do
    dir=${rest%%:*}; rest=${rest#*:}
    for file in "$dir"/*; do
        [ -f "$file" ] && [ -x "$file" ] && printf '%s\n' "${file##*/}"
    done
done
:"#;

/// What is read of a file: type and permissions, owner, group, and what a symbolic link says.
const STAT: &str = r#"stat -c '%f %U %G' -- "$1" && if [ -L "$1" ]; then readlink -- "$1"; fi"#;

/// What to read for a source.
pub(super) fn probe(of: &Of) -> Probe {
    let snapshot = |source| facts::probe(&source);
    match of.source {
        RecordSource::Packages => snapshot(SnapshotSource::Packages),
        RecordSource::Units => snapshot(SnapshotSource::Units),
        RecordSource::Sysctl => snapshot(SnapshotSource::Sysctl),
        RecordSource::Kconfig => snapshot(SnapshotSource::Kconfig),
        RecordSource::Users => snapshot(SnapshotSource::Users),
        RecordSource::Ports => snapshot(SnapshotSource::Ports),
        RecordSource::Groups => groups::probe(),
        RecordSource::Commands => Probe::new("record commands", 60, COMMANDS),
        RecordSource::Files => Probe::new("record files", 60, files(&of.globs)),
    }
}

/// The paths that the globs stand for are found by the shell, in which all else is quoted.
fn files(globs: &[String]) -> String {
    let patterns: Vec<String> = globs.iter().map(|glob| shell_pattern(glob)).collect();
    format!(
        "{}export LC_ALL=C\none() {{\n{STAT}\n}}\nfor path in {}; do\n\
         [ -e \"$path\" ] || [ -L \"$path\" ] || continue\n\
         out=$(one \"$path\" 2>&1); printf '%s\\0%s\\0%s\\0' \"$path\" \"$?\" \"$out\"\ndone\n",
        shell::need("stat"),
        patterns.join(" ")
    )
}

/// A word of the shell in which only `*`, `?` and brackets are special.
fn shell_pattern(glob: &str) -> String {
    let mut out = String::new();
    let mut plain = String::new();
    for c in glob.chars() {
        if "*?[]".contains(c) {
            if !plain.is_empty() {
                out.push_str(&shell::quote(&plain));
                plain.clear();
            }
            out.push(c);
        } else {
            plain.push(c);
        }
    }
    if !plain.is_empty() {
        out.push_str(&shell::quote(&plain));
    }
    out
}

/// The facts of an answer that are wanted, by name; none when no glob matches one.
///
/// # Errors
/// What could not be read, and why.
pub(super) fn facts(of: &Of, reply: &Reply) -> Result<Vec<Fact>, CollectError> {
    let rows = |source: SnapshotSource| facts::read(&source, reply).map_err(CollectError::reading);
    let cell = |row: &Row, at: usize| row.cells.get(at).cloned().unwrap_or_default();
    let mut facts: Vec<Fact> = match of.source {
        RecordSource::Packages => {
            let rows = rows(SnapshotSource::Packages)?;
            rows.iter().map(|row| Fact::new(&row.key, &[("version", &cell(row, 1))])).collect()
        }
        RecordSource::Units => {
            let rows = rows(SnapshotSource::Units)?;
            rows.iter().map(|row| Fact::new(&row.key, &[("enabled", &cell(row, 1))])).collect()
        }
        RecordSource::Sysctl => sysctl(&rows(SnapshotSource::Sysctl)?),
        RecordSource::Kconfig => kconfig(reply, &rows(SnapshotSource::Kconfig)?)?,
        RecordSource::Users => {
            let fact = |row: &Row| {
                let cells = [("uid", 1), ("gid", 2), ("home", 3), ("shell", 4)];
                Fact { name: row.key.clone(), cells: cells.map(|(name, at)| (name, cell(row, at))).into() }
            };
            rows(SnapshotSource::Users)?.iter().map(fact).collect()
        }
        RecordSource::Ports => ports(&rows(SnapshotSource::Ports)?),
        RecordSource::Groups => {
            groups::parse(&lines(reply)?).map_err(CollectError::reading)?.iter().map(group).collect()
        }
        RecordSource::Commands => lines(reply)?.lines().map(|name| Fact::new(name, &[])).collect(),
        RecordSource::Files => stats(reply)?,
    };
    if of.source != RecordSource::Files {
        facts.retain(|fact| of.wants(&fact.name));
    }
    facts.sort_by(|one, other| (&one.name, &one.cells).cmp(&(&other.name, &other.cells)));
    facts.dedup();
    // Nothing may listen; whatever else there is none of was not read.
    if facts.is_empty() && of.globs.is_empty() && of.source != RecordSource::Ports {
        return Err(CollectError::Nothing);
    }
    Ok(facts)
}

/// A value of several lines is one text, as the check reads it.
fn sysctl(rows: &[Row]) -> Vec<Fact> {
    let mut out: Vec<(String, Vec<&str>)> = Vec::new();
    for row in rows {
        let words = row.cells.get(1).map_or("", String::as_str).split_whitespace();
        match out.last_mut().filter(|(name, _)| *name == row.key) {
            Some((_, value)) => value.extend(words),
            None => out.push((row.key.clone(), words.collect())),
        }
    }
    out.into_iter().map(|(name, words)| Fact::new(&name, &[("value", &words.join(" "))])).collect()
}

/// The symbols that are set, with their values as the check knows them.
fn kconfig(reply: &Reply, rows: &[Row]) -> Result<Vec<Fact>, CollectError> {
    let config = Config::parse(&escape_bytes(&reply.stdout), "").map_err(CollectError::reading)?;
    let fact = |row: &Row| match config.get(&row.key) {
        Ok(Setting::No | Setting::Absent) => Ok(None),
        Ok(setting) => Ok(Some(Fact::new(&row.key, &[("value", setting.name())]))),
        Err(why) => Err(CollectError::reading(why)),
    };
    rows.iter().filter_map(|row| fact(row).transpose()).collect()
}

/// IPv4 and IPv6 are one port, which is exposed when any of its sockets is.
fn ports(rows: &[Row]) -> Vec<Fact> {
    let mut out: std::collections::BTreeMap<String, bool> = std::collections::BTreeMap::new();
    for row in rows {
        if let [protocol, port, address] = row.cells.as_slice() {
            let exposed = out.entry(format!("{}/{port}", protocol.trim_end_matches('6'))).or_default();
            *exposed |= address != "loopback";
        }
    }
    out.iter().map(|(name, exposed)| Fact::new(name, &[("exposed", &exposed.to_string())])).collect()
}

fn group(group: &Group) -> Fact {
    Fact::new(&group.name, &[("gid", &group.gid.to_string()), ("members", &group.members.join(","))])
}

fn stats(reply: &Reply) -> Result<Vec<Fact>, CollectError> {
    ended_well(reply)?;
    let mut out = Vec::new();
    for (path, answer) in shell::answers(reply).map_err(CollectError::reading)? {
        let mut lines = answer.output.lines();
        let fields: Vec<&str> = lines.next().unwrap_or_default().split(' ').collect();
        let target = lines.next().unwrap_or_default();
        let raw = fields.first().and_then(|raw| u32::from_str_radix(raw, 16).ok());
        match (answer.status, raw, &fields[..]) {
            (0, Some(raw), [_, owner, group]) => {
                let mode = format!("{:04o}", raw & 0o7777);
                let kind = kind_of(raw)
                    .map_err(|why| CollectError::Path { path: one_line(&path, 100), why: why.to_string() })?;
                let mut cells = vec![("type", kind), ("owner", owner), ("group", group)];
                // A link has no permissions of its own.
                cells.push(if kind == "symlink" { ("target", target) } else { ("mode", mode.as_str()) });
                out.push(Fact::new(&path, &cells));
            }
            _ => {
                let (path, why) = (one_line(&path, 100), one_line(&answer.output, 200));
                return Err(CollectError::Path { path, why });
            }
        }
    }
    Ok(out)
}

/// The output of a reading that has to end with status 0, escaped.
fn lines(reply: &Reply) -> Result<String, CollectError> {
    ended_well(reply)?;
    Ok(escape_bytes(&reply.stdout))
}

fn ended_well(reply: &Reply) -> Result<(), CollectError> {
    match reply.end {
        End::TimedOut => Err(CollectError::TimedOut),
        End::TooMuchOutput => Err(CollectError::TooMuch),
        End::Exited if reply.status != 0 => {
            Err(CollectError::Status { status: reply.status, said: last_words(&escape_bytes(&reply.stderr), 200) })
        }
        End::Exited => Ok(()),
    }
}
