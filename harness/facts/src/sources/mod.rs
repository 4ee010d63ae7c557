//! What is read in the guest for each snapshot source, and the text that is compared. Pure.
//!
//! A text is stable across boots of one image: one fact a line, sorted, without what changes by
//! itself ([`volatile`] lists it). What could not be read is an error, never an empty snapshot.

mod rows;
mod scripts;
pub mod volatile;

use muster_base::failure::{self, FailureId};
use muster_base::fault::Fault;
use muster_base::{glob, text};
use muster_check::{Probe, Read, Unreadable};
use muster_guest::facts::OWN_IS_DPKG;
use muster_guest::{End, Reply};
use muster_suite::model::{SnapshotSource, SnapshotSpec};
pub use rows::Row;
use rows::columns;

/// Bytes of a snapshot at most. A larger one is an error: cut off, it would not show what changed
/// behind the cut.
const TEXT_LIMIT: usize = 4 << 20;

/// A snapshot's text, and what its author should know of the selection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The text, escaped.
    pub text: String,
    /// A selector, redaction or filter that matched nothing: one sentence each.
    pub warnings: Vec<String>,
}

/// Why there is no text of a snapshot. One sentence, escaped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// The reading failed or was cut short, or nothing could be read.
    #[error(transparent)]
    Reading(#[from] Unreadable),
    /// `keep` of the output of a command.
    #[error("`keep: {name}`: the output of a command has no columns")]
    NoColumns {
        /// What it names.
        name: String,
    },
    /// `keep` names a column that there is not.
    #[error("`keep: {name}`: there is no such column, only {columns}")]
    UnknownColumn {
        /// What it names.
        name: String,
        /// Those that there are.
        columns: String,
    },
    /// The text is beyond the limit.
    #[error("the snapshot has {bytes} bytes, the limit is {TEXT_LIMIT}; narrow it with `only`")]
    TooLarge {
        /// Of the text.
        bytes: usize,
    },
}

impl Fault for RenderError {
    fn failure_id(&self) -> Option<FailureId> {
        Some(failure::PROBE_FAILED)
    }
}

/// What to read in the guest. Two snapshots of one source share their reading.
pub fn probe(source: &SnapshotSource) -> Probe {
    let (name, script, seconds) = match source {
        SnapshotSource::Packages => {
            let script = format!("{OWN_IS_DPKG}{}", scripts::PACKAGES);
            return Probe::new("snapshot packages", 120, script);
        }
        SnapshotSource::Units => ("units", scripts::UNITS, 60),
        SnapshotSource::Sysctl => ("sysctl", scripts::SYSCTL, 120),
        SnapshotSource::Kconfig => ("kconfig", scripts::KCONFIG, 30),
        SnapshotSource::Users => ("users", scripts::USERS, 30),
        SnapshotSource::Ports => ("ports", scripts::PORTS, 30),
        SnapshotSource::Run(command) => {
            return Probe::new(format!("snapshot run {command}"), 60, command.clone());
        }
    };
    Probe::new(format!("snapshot {name}"), seconds, script)
}

/// Makes the text of what the guest answered. In this order: `only` and `redact` by key, what is
/// volatile is dropped, `keep` by column, one line a fact, `filters` over the whole text, then the
/// lines are sorted (those of a command only when `unordered`).
///
/// # Errors
/// As [`RenderError`] says; a text is at most [`TEXT_LIMIT`] bytes long.
pub fn render(source: &SnapshotSource, reply: &Reply, spec: &SnapshotSpec) -> Result<Rendered, RenderError> {
    ended_well(source, reply)?;
    let stdout = text::escape_bytes(&reply.stdout);
    let table = columns(source);
    if let Some(unknown) = spec.keep.iter().find(|name| !table.contains(&name.as_str())) {
        let name = text::one_line(unknown, 60);
        return Err(match table {
            [] => RenderError::NoColumns { name },
            _ => RenderError::UnknownColumn { name, columns: table.join(", ") },
        });
    }

    let rows = rows::parse(source, &stdout)?;
    let mut warnings = unmatched(spec, &rows);
    let lines = rows.into_iter().filter_map(|row| select(source, row, spec));
    let mut out = lines.collect::<Vec<_>>().join("\n");
    for (regex, with) in &spec.filters {
        if !regex.is_match(&out) {
            warnings.push(format!("filter `{}` matched nothing", text::one_line(regex.as_str(), 100)));
        }
        out = regex.replace_all(&out, with.as_str()).into_owned();
    }
    if spec.unordered || !matches!(source, SnapshotSource::Run(_)) {
        // Sorted last: a filter may have removed what the order depended on.
        let mut lines: Vec<&str> = out.lines().collect();
        lines.sort_unstable();
        if *source == SnapshotSource::Ports {
            // Several sockets of one server may share a port; how many is its own business.
            lines.dedup();
        }
        out = lines.join("\n");
    }
    let out = text::escape(out.trim_end());
    if out.len() > TEXT_LIMIT {
        return Err(RenderError::TooLarge { bytes: out.len() });
    }
    Ok(Rendered { text: out, warnings })
}

/// The facts of an answer, escaped and in its order, without what is volatile.
///
/// # Errors
/// When the reading failed or was cut short, and when nothing could be read.
pub fn read(source: &SnapshotSource, reply: &Reply) -> Read<Vec<Row>> {
    ended_well(source, reply)?;
    let rows = rows::parse(source, &text::escape_bytes(&reply.stdout))?;
    Ok(rows.into_iter().filter(|row| !volatile::is_volatile(source, row)).collect())
}

fn ended_well(source: &SnapshotSource, reply: &Reply) -> Read<()> {
    let stderr = text::last_words(&text::escape_bytes(&reply.stderr), 300);
    let said = if stderr.is_empty() { String::new() } else { format!(": {stderr}") };
    match reply.end {
        End::TimedOut => {
            Err(Unreadable::new(format!("it could not be read: the command did not end before its time-out{said}")))
        }
        End::TooMuchOutput => Err(Unreadable::new("it could not be read: the command printed more than the limit")),
        End::Exited if reply.status != 0 && matches!(source, SnapshotSource::Run(_)) => Err(Unreadable::new(format!(
            "the command ended with status {}{said}; end it with `|| true` if that is meant",
            reply.status
        ))),
        End::Exited if reply.status != 0 => {
            Err(Unreadable::new(format!("it could not be read: status {}{said}", reply.status)))
        }
        End::Exited => Ok(()),
    }
}

/// A selector that selects nothing is usually misspelt, or outlived what it was for.
fn unmatched(spec: &SnapshotSpec, rows: &[Row]) -> Vec<String> {
    let only = spec.only.iter().map(|glob| ("only", glob));
    let redact = spec.redact.iter().map(|(glob, _)| ("redact", glob));
    only.chain(redact)
        .filter(|(_, glob)| !rows.iter().any(|row| glob::matches(glob, &row.key)))
        .map(|(word, glob)| format!("{word} `{}` matched nothing", text::one_line(glob, 100)))
        .collect()
}

/// The line of a row, or `None` when it is not wanted.
fn select(source: &SnapshotSource, row: Row, spec: &SnapshotSpec) -> Option<String> {
    if !spec.only.is_empty() && !spec.only.iter().any(|glob| glob::matches(glob, &row.key)) {
        return None;
    }
    match spec.redact.iter().find(|(glob, _)| glob::matches(glob, &row.key)) {
        Some((_, None)) => return None,
        Some((_, Some(with))) => return Some(row.line(source, &[], Some(with))),
        None => {}
    }
    (!volatile::is_volatile(source, &row)).then(|| row.line(source, &spec.keep, None))
}

#[cfg(test)]
mod tests;
