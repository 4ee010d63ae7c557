//! What must be so of every run, whatever the policy says: its parts agree, it is whole, and its machines were booted
//! from image files.

use std::collections::{BTreeMap, BTreeSet};

use muster_base::text::one_line;
use muster_base::version;
use muster_record::deciding::DecidingFile;
use muster_record::merge::{Input, merge};
use muster_record::run::{ImageRecord, MachineRecord, RunRecord};
use muster_suite::model::NEEDS_INTERNET;

use crate::evidence::{RunEvidence, run_file};
use crate::model::{RunCertified, UNKNOWN};
use crate::refusal::{Refusal, RefusalId};

/// Characters of an argument of a command line at most.
const ARGUMENT: usize = 1000;

/// Everything that is wrong with the runs.
pub(crate) fn faults(runs: &[RunEvidence]) -> Vec<Refusal> {
    let mut out: Vec<Refusal> = runs.iter().flat_map(of_one).collect();
    out.extend(earlier(runs));
    out.extend(runs.iter().flat_map(|run| merged(run, runs)));
    out.extend(systems(runs));
    out
}

fn of_one(run: &RunEvidence) -> Vec<Refusal> {
    let RunEvidence { file, record, journal, .. } = run;
    let mut out = Vec::new();
    if let Some(part) = journal.as_ref().filter(|journal| *journal != record).map(|other| differs(record, other)) {
        let message = format!("{file}: run.json is not what its events.jsonl comes to: {part}");
        out.push(Refusal::new(RefusalId::EvidenceDisagrees, message));
    }
    if *file != run_file(&record.id) {
        out.push(Refusal::new(RefusalId::EvidenceDisagrees, format!("{file} holds the run {}", record.id)));
    }
    let unknown: Vec<&str> =
        record.images.iter().filter(|(_, image)| !known(image)).map(|(id, _)| id.as_str()).collect();
    let connected = record.is_connected();
    if connected || !unknown.is_empty() {
        let why = match connected {
            true => "it was connected to (--connect)".to_owned(),
            false => format!("no image file is known of {}", unknown.join(", ")),
        };
        out.push(Refusal::new(RefusalId::MachineUntrusted, format!("{file}: {why}")));
    }
    if version::is_of_changed_sources(&record.muster) {
        let message = format!("{file}: it was run by muster {}, built from changed sources", record.muster);
        out.push(Refusal::new(RefusalId::ToolModified, message));
    }
    out
}

/// Whether the file that was tested is known.
fn known(image: &ImageRecord) -> bool {
    muster_base::text::is_sha256(&image.sha256)
}

/// In a few words what two records of one run say differently.
fn differs(record: &RunRecord, journal: &RunRecord) -> String {
    let outcomes = |of: &RunRecord| -> BTreeMap<(String, String), &'static str> {
        of.tests.iter().map(|test| ((test.name(), test.image.clone()), test.outcome.name())).collect()
    };
    let (ours, theirs) = (outcomes(record), outcomes(journal));
    let other = ours.iter().find(|(test, outcome)| theirs.get(*test) != Some(*outcome));
    let absent = theirs.keys().find(|test| !ours.contains_key(*test));
    match (other, absent) {
        (Some(((test, image), outcome)), _) => {
            let journal = theirs.get(&(test.clone(), image.clone())).copied().unwrap_or("nothing");
            format!(
                "{} on {} is {outcome} in the one and {journal} in the other",
                one_line(test, 120),
                one_line(image, 60)
            )
        }
        (None, Some((test, _))) => format!("run.json has no {}", one_line(test, 120)),
        (None, None) if record.images != journal.images => "the images differ".to_owned(),
        (None, None) => "the outcomes are the same, and something else differs".to_owned(),
    }
}

/// Runs that a run goes on with are evidence as well: results were kept from them.
fn earlier(runs: &[RunEvidence]) -> Vec<Refusal> {
    let mut out = Vec::new();
    for run in runs {
        let kept = run.record.tests.iter().filter_map(|test| test.kept_from.as_deref());
        let unknown: BTreeSet<&str> = kept.filter(|id| !runs.iter().any(|other| other.record.id == **id)).collect();
        for id in unknown {
            // That it goes on with it is said below.
            if !run.record.earlier.iter().any(|earlier| earlier.id == id) {
                let message = format!("{} keeps results of the run {id}, which is not there", run.file);
                out.push(Refusal::new(RefusalId::EvidenceMissing, message));
            }
        }
        for earlier in &run.record.earlier {
            let there = runs.iter().find(|other| other.record.id == earlier.id);
            let message = match there {
                None => format!(
                    "{} goes on with the run {}, which is not there: name that run as well",
                    run.file, earlier.id
                ),
                Some(other) if !is_same(earlier, other) => {
                    format!("{} goes on with another record of the run {} than {}", run.file, earlier.id, other.file)
                }
                Some(_) => continue,
            };
            let id = if there.is_none() { RefusalId::EvidenceMissing } else { RefusalId::RunMerged };
            out.push(Refusal::new(id, message));
        }
    }
    out
}

/// Whether a run is the record that another one goes on with: of one that had not ended, by the events that it had.
fn is_same(earlier: &muster_record::run::EarlierRun, run: &RunEvidence) -> bool {
    let found =
        if earlier.file == muster_record::layout::RunDir::RUN_JSON { &run.record_sha256 } else { &run.journal_sha256 };
    earlier.sha256 == *found
}

/// The version that is said to have written the certificate is that of a run, or this one: of any other nobody could say which tests
/// belong to its suites, and the name of one costs a signer nothing.
pub(crate) fn unknown_writer(runs: &[RunEvidence], writer: &str, muster: &str) -> Option<Refusal> {
    let known = writer == muster || runs.iter().any(|run| run.record.muster == writer);
    (!known).then(|| {
        let message =
            format!("muster {} is said to have written it, and it has made none of the runs", one_line(writer, 60));
        Refusal::new(RefusalId::RunMerged, message)
    })
}

/// The ids of the runs that others of the evidence were merged of.
pub(crate) fn shards(runs: &[RunEvidence]) -> BTreeSet<&str> {
    runs.iter().flat_map(|run| &run.record.merged).map(|shard| shard.id.as_str()).collect()
}

/// A merged run has no events of its own. Its shards are there, each with its events, and it is what they come to when they
/// are merged again.
fn merged(run: &RunEvidence, runs: &[RunEvidence]) -> Vec<Refusal> {
    let RunEvidence { file, record, .. } = run;
    let mut out = Vec::new();
    let mut inputs = Vec::new();
    for reference in &record.merged {
        let (id, shard) = match runs.iter().find(|other| other.record.id == reference.id) {
            Some(shard) if shard.record_sha256 == reference.sha256 => {
                inputs.push(Input { record: &shard.record, reference });
                continue;
            }
            Some(shard) => {
                (RefusalId::RunMerged, format!("another record of the run {} than {}", reference.id, shard.file))
            }
            None => (RefusalId::EvidenceMissing, format!("the run {}, which is not there", reference.id)),
        };
        out.push(Refusal::new(id, format!("{file} was merged of {shard}")));
    }
    if inputs.is_empty() || !out.is_empty() {
        return out;
    }
    match merge(&record.id, &inputs) {
        Ok(again) if again == *record => {}
        Ok(again) => {
            let part = differs(record, &again);
            let message = format!("{file}: run.json is not what its shards come to when they are merged: {part}");
            out.push(Refusal::new(RefusalId::EvidenceDisagrees, message));
        }
        Err(error) => out.push(Refusal::new(RefusalId::RunMerged, format!("{file}: {error}"))),
    }
    out
}

/// One file is one system: its os-release is the same in all runs.
fn systems(runs: &[RunEvidence]) -> Vec<Refusal> {
    let mut seen: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for image in runs.iter().flat_map(|run| run.record.images.values()) {
        if let Some(facts) = &image.facts {
            let said = |key: &str| facts.os_release.get(key).map_or("", String::as_str);
            let system = format!("{} {} {}", said("ID"), said("VERSION_ID"), facts.arch);
            seen.entry(&image.sha256).or_default().insert(one_line(&system, 120));
        }
    }
    let several = seen.into_iter().filter(|(_, systems)| systems.len() > 1).map(|(sha256, systems)| {
        let systems = systems.into_iter().collect::<Vec<_>>().join("; ");
        Refusal::new(RefusalId::RunMerged, format!("the image {sha256} is several systems in the runs: {systems}"))
    });
    several.collect()
}

/// Names of the tests that ran with a way to the internet, each once.
fn needs_internet(record: &RunRecord) -> Vec<String> {
    let ran = record.tests.iter().filter(|test| test.outcome.has_run());
    let tagged = ran.filter(|test| test.tags.iter().any(|tag| tag == NEEDS_INTERNET));
    let names: BTreeSet<String> = tagged.map(|test| one_line(&test.name(), 200)).collect();
    names.into_iter().collect()
}

/// What a certificate says of a run.
pub(crate) fn certified(run: &RunEvidence) -> RunCertified {
    let record = &run.record;
    let said = |text: &str, max: usize| if text.is_empty() { UNKNOWN.to_owned() } else { one_line(text, max) };
    let channels: BTreeSet<String> = record
        .machines
        .iter()
        .filter_map(|machine| machine.channel.as_deref())
        .map(|name| one_line(name, 40))
        .collect();
    let digests = |of: fn(&MachineRecord) -> Option<&String>| {
        let digests: BTreeSet<String> =
            record.machines.iter().filter_map(of).map(|digest| one_line(digest, 64)).collect();
        digests.into_iter().collect::<Vec<_>>()
    };
    let cloned = record.machines.iter().filter(|machine| machine.cloned_from.is_some()).count();
    let suites = record.suites.iter().map(|(name, suite)| (one_line(name, 200), one_line(&suite.sha256, 64)));
    RunCertified {
        id: one_line(&record.id, 200),
        file: run.file.clone(),
        record: run.record_sha256.clone(),
        started: one_line(&record.started, 60),
        finished: record.finished.as_deref().map_or_else(|| UNKNOWN.to_owned(), |at| one_line(at, 60)),
        complete: record.finished.is_some() && !record.interrupted,
        muster: one_line(&record.muster, 60),
        binary: said(record.binary.as_deref().unwrap_or_default(), 64),
        arguments: record.arguments.iter().map(|argument| one_line(argument, ARGUMENT)).collect(),
        suites: suites.collect(),
        files: files(record),
        accelerator: said(&record.accelerator.kind, 20),
        accelerator_reason: said(&record.accelerator.reason, 300),
        qemu: qemu(record),
        host_arch: said(record.accelerator.host_arch.as_deref().unwrap_or_default(), 20),
        firmware: digests(|machine| machine.firmware.as_ref()),
        firmware_variables: digests(|machine| machine.firmware_variables.as_ref()),
        needs_internet: needs_internet(record),
        channels: channels.into_iter().collect(),
        booted: (record.machines.len() - cloned) as u64,
        cloned: cloned as u64,
        command_lines: run.command_lines.clone(),
    }
}

/// The files that decide on its results, what is loaded for its images among them, each once.
fn files(record: &RunRecord) -> Vec<DecidingFile> {
    let all = record.files.iter().chain(record.images.values().flat_map(|image| &image.loaded));
    let shown = |DecidingFile { role, sha256, file }: &DecidingFile| DecidingFile {
        role: one_line(role, 40),
        sha256: one_line(sha256, 64),
        file: one_line(file, ARGUMENT),
    };
    let files: BTreeSet<DecidingFile> = all.map(shown).collect();
    files.into_iter().collect()
}

/// The versions of QEMU that ran its machines, `unknown` among them where one that answered does not say it.
fn qemu(record: &RunRecord) -> String {
    let answered = record.machines.iter().filter(|machine| machine.qemu.is_some() || machine.boot_seconds.is_some());
    let versions: BTreeSet<String> = answered
        .map(|machine| machine.qemu.as_deref().map_or_else(|| UNKNOWN.to_owned(), |text| one_line(text, 120)))
        .collect();
    match versions.is_empty() {
        true => UNKNOWN.to_owned(),
        false => versions.into_iter().collect::<Vec<_>>().join(", "),
    }
}
