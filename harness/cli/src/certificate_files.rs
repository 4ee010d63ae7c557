//! The directory of a certificate, read: each file bounded and none followed elsewhere, archives through their own reader.
//! What cannot be read of it is a reason to refuse it, and not an error of the command.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;

use camino::Utf8Path;

use super::error::CliError;
use muster_base::files::{self, safe_name};
use muster_base::text::{hex, one_line};
use muster_certificate::evidence::{EVIDENCE, Evidence, EvidenceKind, RunEvidence};
use muster_certificate::model::EvidenceFile;
use muster_certificate::names::{FILES, LARGEST};
use muster_certificate::refusal::{Refusal, RefusalId};
use muster_record::archive::{self, ArchiveError};
use muster_record::layout::{FileError, RunDir};
use muster_record::open::{self, OpenError};
use muster_record::run::RunRecord;
use muster_report::written::junit_differs;

/// Bytes of a policy, a profile or a file of waivers at most.
const LARGEST_TEXT: u64 = 64 << 20;
/// Bytes of an archive at most, as its own reader has it.
const LARGEST_RUN: u64 = 1 << 30;
/// Bytes of a `junit.xml` at most.
const LARGEST_JUNIT: u64 = 64 << 20;
/// Files of a certificate at most, those of its evidence included.
const MOST_FILES: usize = 1000;
/// The report that an archive must have.
const JUNIT: &str = "junit.xml";

/// The files next to the evidence.
#[derive(Debug, Default)]
pub(crate) struct FilesRead {
    /// Their bytes, by name.
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    /// What is there and does not belong there, or cannot be read.
    pub(crate) refusals: Vec<Refusal>,
}

/// Reads them.
pub(crate) fn read(dir: &Utf8Path) -> Result<FilesRead, CliError> {
    let mut out = FilesRead::default();
    for name in names(dir, "")? {
        let path = dir.join(&name);
        if name == EVIDENCE && path.symlink_metadata().is_ok_and(|meta| meta.is_dir()) {
            continue;
        }
        if !FILES.contains(&name.as_str()) {
            out.refusals
                .push(Refusal::new(RefusalId::EvidenceAdditional, format!("{name} is no file of a certificate")));
            continue;
        }
        match bounded(&path, LARGEST)? {
            Some(bytes) => drop(out.files.insert(name, bytes)),
            None => out.refusals.push(Refusal::new(RefusalId::FormatEnvelope, not_plain(&name, LARGEST))),
        }
    }
    Ok(out)
}

/// The evidence in the directory of a certificate.
pub(crate) fn evidence(dir: &Utf8Path) -> Result<Evidence, CliError> {
    let mut found = Evidence::default();
    let below = dir.join(EVIDENCE);
    if !below.symlink_metadata().is_ok_and(|meta| meta.is_dir()) {
        found.faults.push(Refusal::new(RefusalId::EvidenceMissing, format!("there is no directory {EVIDENCE}")));
        return Ok(found);
    }
    for name in names(&below, EVIDENCE)? {
        let path = dir.join(&name);
        let kind = EvidenceKind::of(&name);
        let limit = if kind == EvidenceKind::Run { LARGEST_RUN } else { LARGEST_TEXT };
        let Some((bytes, sha256)) = digest(&path, limit)? else {
            found.faults.push(Refusal::new(RefusalId::EvidenceModified, not_plain(&name, limit)));
            continue;
        };
        found.files.push(EvidenceFile { name: name.clone(), bytes, sha256 });
        match kind {
            EvidenceKind::Policy => found.policy = text(&path, &name, &mut found.faults)?,
            EvidenceKind::Profile => found.profile = text(&path, &name, &mut found.faults)?,
            EvidenceKind::Waivers => {
                if let Some(text) = text(&path, &name, &mut found.faults)? {
                    found.waivers.insert(name, text);
                }
            }
            EvidenceKind::Run => found.runs.extend(run(&path, &name, &mut found.faults)?),
            EvidenceKind::Other => {}
        }
    }
    Ok(found)
}

/// The names in a directory, sorted, each below `prefix`.
fn names(dir: &Utf8Path, prefix: &str) -> Result<Vec<String>, CliError> {
    let failed = || FileError::because("read the directory", dir);
    let mut out = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(failed())? {
        let name = entry.map_err(failed())?.file_name();
        let Some(name) = name.to_str() else {
            return Err(CliError::infrastructure(format!("{dir}: a name in it is no text")).hint("remove that file"));
        };
        out.push(if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") });
        if out.len() > MOST_FILES {
            let what = format!("{dir} has more than {MOST_FILES} files, the most that a certificate has");
            return Err(CliError::infrastructure(what).hint("name the directory that `muster certify` wrote"));
        }
    }
    out.sort();
    Ok(out)
}

fn not_plain(name: &str, limit: u64) -> String {
    format!("{name} is no plain file, or is larger than {} MiB", limit >> 20)
}

/// A plain file for reading, without following a link; `None` where it is something else or larger.
fn plain(path: &Utf8Path, limit: u64) -> Result<Option<File>, CliError> {
    let flags = (rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits() as i32;
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        // That is how a link is refused.
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => return Ok(None),
        Err(error) => return Err(FileError::because("read", path)(error).into()),
    };
    let meta = file.metadata().map_err(FileError::because("read", path))?;
    Ok((meta.is_file() && meta.len() <= limit).then_some(file))
}

fn bounded(path: &Utf8Path, limit: u64) -> Result<Option<Vec<u8>>, CliError> {
    let Some(file) = plain(path, limit)? else { return Ok(None) };
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(FileError::because("read", path))?;
    Ok((bytes.len() as u64 <= limit).then_some(bytes))
}

fn digest(path: &Utf8Path, limit: u64) -> Result<Option<(u64, String)>, CliError> {
    let Some(file) = plain(path, limit)? else { return Ok(None) };
    let (length, digest) = files::sha256(file.take(limit + 1)).map_err(FileError::because("read", path))?;
    Ok((length <= limit).then(|| (length, hex(digest))))
}

fn text(path: &Utf8Path, name: &str, faults: &mut Vec<Refusal>) -> Result<Option<String>, CliError> {
    let text = bounded(path, LARGEST_TEXT)?.and_then(|bytes| String::from_utf8(bytes).ok());
    if text.is_none() {
        faults.push(Refusal::new(RefusalId::FormatEvidence, format!("{name} is no text")));
    }
    Ok(text)
}

/// A run, as its archive has it. Nothing but `run.json` can stand for the record.
fn run(path: &Utf8Path, name: &str, faults: &mut Vec<Refusal>) -> Result<Option<RunEvidence>, CliError> {
    let mut fault = |id, why: String| faults.push(Refusal::new(id, format!("{name}: {why}")));
    let unpacked = match archive::unpack(path) {
        Ok(unpacked) => unpacked,
        Err(ArchiveError::Refused { why, .. }) => {
            fault(RefusalId::EvidenceModified, why.to_string());
            return Ok(None);
        }
        Err(error) => return Err(error.into()),
    };
    let file = |name: &str| unpacked.path().join(name);
    let there = |name: &str| file(name).is_file();
    for name in [RunDir::RUN_JSON, JUNIT].into_iter().filter(|name| !there(name)) {
        fault(
            RefusalId::EvidenceMissing,
            format!("it has no {name}: `muster report RUN` makes it of the run's events"),
        );
    }
    if !there(RunDir::RUN_JSON) {
        return Ok(None);
    }
    let record = match open::of_record(&file(RunDir::RUN_JSON)) {
        Ok(record) => record,
        Err(error) => {
            fault(RefusalId::EvidenceModified, unreadable(error, unpacked.path())?);
            return Ok(None);
        }
    };
    // The events of a merged run are those of its shards, which are evidence of their own.
    if !there(RunDir::EVENTS) && record.merged.is_empty() {
        let why = "and nothing makes it again: it cannot be certified without; run the tests anew";
        fault(RefusalId::EvidenceMissing, format!("it has no {}, {why}", RunDir::EVENTS));
    }
    let journal_sha256 = match there(RunDir::EVENTS) {
        true => digest(&file(RunDir::EVENTS), u64::MAX - 1)?.map(|(_, sha256)| sha256).unwrap_or_default(),
        false => String::new(),
    };
    let journal = match there(RunDir::EVENTS).then(|| open::of_journal(&file(RunDir::EVENTS))).transpose() {
        Ok(Some((journal, notes))) => {
            notes.iter().for_each(|note| fault(RefusalId::RunIncomplete, note.clone()));
            Some(journal)
        }
        Ok(None) => None,
        Err(error) => {
            fault(RefusalId::EvidenceModified, unreadable(error, unpacked.path())?);
            None
        }
    };
    if there(JUNIT) {
        let text = bounded(&file(JUNIT), LARGEST_JUNIT)?.and_then(|bytes| String::from_utf8(bytes).ok());
        let differs = match text {
            Some(text) => junit_differs(&record, &text),
            None => Some("it is no text, or too large".to_owned()),
        };
        if let Some(why) = differs {
            fault(RefusalId::EvidenceDisagrees, format!("its {JUNIT} is not that of its run.json: {why}"));
        }
    }
    let (_, record_sha256) = digest(&file(RunDir::RUN_JSON), u64::MAX - 1)?.unwrap_or_default();
    let command_lines = command_lines(&file("machines"), &record)?;
    Ok(Some(RunEvidence { file: name.to_owned(), record, record_sha256, journal, journal_sha256, command_lines }))
}

/// Why a file of an archive cannot be read, without the temporary directory; an error where this host is why.
fn unreadable(error: OpenError, dir: &Utf8Path) -> Result<String, CliError> {
    match error {
        OpenError::File(_) => Err(error.into()),
        other => Ok(one_line(&other.to_string().replace(&format!("{dir}/"), ""), 400)),
    }
}

/// SHA-256 of QEMU's command line of each machine that was booted, as far as the archive has it. A clone has that of its
/// template.
fn command_lines(machines: &Utf8Path, record: &RunRecord) -> Result<BTreeMap<String, String>, CliError> {
    let mut out = BTreeMap::new();
    for machine in record.machines.iter().filter(|machine| machine.cloned_from.is_none()) {
        let dir = safe_name(&machine.id);
        let file = machines.join(&dir).join("qemu-command");
        if file.is_file()
            && let Some((_, sha256)) = digest(&file, LARGEST_TEXT)?
        {
            out.insert(dir, sha256);
        }
    }
    Ok(out)
}
