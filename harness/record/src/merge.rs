//! The records of all shards of a run become the record that the run would have had by itself. Pure.
//!
//! Machines have the number of their shard before their names, since each run counts its own. Tests stand by image, suite and place in
//! the suite. Of an image that several shards had, the machine's own test is one: what went wrong in any of them went wrong.

mod error;

use std::collections::{BTreeMap, BTreeSet};

use crate::deciding;
use crate::met;
use crate::names::MACHINE_SUITE;
use crate::outcome::Outcome;
use crate::outstanding;
use crate::run::{Accelerator, EarlierRun, ImageRecord, RunRecord, TestRecord};
use crate::verdict;
pub use error::MergeError;
use muster_base::exit::Exit;
use muster_base::text::one_line;

/// A run of a shard, and where it was read from.
#[derive(Debug, Clone, Copy)]
pub struct Input<'r> {
    /// Its record.
    pub record: &'r RunRecord,
    /// How the merged record refers to it.
    pub reference: &'r EarlierRun,
}

/// The record of the whole run, with this id. `arguments` of the first shard are kept, without what made it a shard.
///
/// # Errors
/// The runs are not all shards of one run, each once.
pub fn merge(id: &str, runs: &[Input<'_>]) -> Result<RunRecord, MergeError> {
    let mut shards = BTreeMap::new();
    let first = runs.first().ok_or(MergeError::None)?;
    let plan = first.record.shard.as_ref().ok_or_else(|| MergeError::NoShard { run: name(first) })?;
    for (at, run) in runs.iter().enumerate() {
        let shard = run.record.shard.as_ref().ok_or_else(|| MergeError::NoShard { run: name(run) })?;
        // With each, since no shard need have every image.
        runs[..at].iter().try_for_each(|other| same(other, run))?;
        if let Some(other) = shards.insert(shard.number, run) {
            let (number, of) = (shard.number, shard.of);
            return Err(MergeError::Twice { number, of, one: name(other), other: name(run) });
        }
    }
    let missing: Vec<u32> = (1..=plan.of).filter(|number| !shards.contains_key(number)).collect();
    if !missing.is_empty() {
        return Err(MergeError::Missing { missing, of: plan.of });
    }
    let (tests, health) = tests(&shards)?;
    if tests.len() != plan.tests as usize {
        return Err(MergeError::Incomplete { found: tests.len(), planned: plan.tests });
    }
    let all: Vec<TestRecord> = in_order(tests, health);
    let records = || shards.values().map(|run| run.record);
    // The same whichever was named first.
    let first = shards.values().next().copied().unwrap_or(first);
    let mut totals: BTreeMap<String, u32> = Outcome::ALL.iter().map(|outcome| (outcome.name().to_owned(), 0)).collect();
    for test in &all {
        *totals.entry(test.outcome.name().to_owned()).or_default() += 1;
    }
    let exit_code = exit(&all, records());
    let ended = records().all(|record| record.finished.is_some());
    Ok(RunRecord {
        schema: first.record.schema.clone(),
        id: id.to_owned(),
        muster: first.record.muster.clone(),
        binary: first.record.binary.clone().filter(|binary| records().all(|one| one.binary.as_ref() == Some(binary))),
        started: records().map(|record| record.started.clone()).min().unwrap_or_default(),
        finished: records().filter_map(|record| record.finished.clone()).max().filter(|_| ended),
        interrupted: records().any(|record| record.interrupted),
        arguments: shards.values().next().map(|run| unsharded(&run.record.arguments)).unwrap_or_default(),
        earlier: earlier(records()),
        shard: None,
        merged: shards.values().map(|run| run.reference.clone()).collect(),
        files: first.record.files.clone(),
        accelerator: accelerator(first.record, records()),
        images: images(&shards),
        suites: records().flat_map(|record| record.suites.clone()).collect(),
        machines: shards
            .iter()
            .flat_map(|(number, run)| run.record.machines.iter().map(|m| machine(*number, m)))
            .collect(),
        findings: shards
            .iter()
            .flat_map(|(number, run)| run.record.findings.iter().map(move |found| (number, found)))
            .map(|(number, found)| {
                let mut found = found.clone();
                found.machine = renamed(*number, &found.machine);
                found
            })
            .collect(),
        exit_code,
        notices: notices(&all, exit_code, records()),
        tests: all,
        totals,
    })
}

fn name(run: &Input<'_>) -> String {
    one_line(&run.record.id, 120)
}

/// What the shards say of themselves, each line once, without what is true of one shard alone; and what is to be said of all of
/// them.
fn notices<'r>(tests: &[TestRecord], exit: Option<u8>, records: impl Iterator<Item = &'r RunRecord>) -> Vec<String> {
    let mut notices: Vec<String> = Vec::new();
    let mut went_on = false;
    for record in records {
        let about_shard = |notice: &str| record.shard.as_ref().is_some_and(|shard| shard.is_about(notice));
        for notice in &record.notices {
            // What is outstanding of one shard says nothing of the others.
            let is_line = outstanding::is_line(notice);
            went_on |= is_line;
            // Of a shard it is a note of its own.
            let of_whole = notice == verdict::NO_TEST_RAN;
            if !is_line && !of_whole && !about_shard(notice) && !notices.contains(notice) {
                notices.push(notice.clone());
            }
        }
    }
    if exit == Some(Exit::Invalid as u8) && verdict::none_has_run(tests.iter()) {
        notices.push(verdict::NO_TEST_RAN.to_owned());
    }
    if went_on {
        notices.push(outstanding::line(tests));
    }
    notices
}

/// The name of a machine of a shard in the merged record.
pub fn renamed(shard: u32, machine: &str) -> String {
    format!("shard-{shard}.{machine}")
}

/// That two runs can be shards of the same run.
fn same(one: &Input<'_>, other: &Input<'_>) -> Result<(), MergeError> {
    let differ = |what: String| Err(MergeError::Differ { one: name(one), other: name(other), what });
    let (one, other) = (one.record, other.record);
    if one.muster != other.muster {
        return differ(format!("versions of muster ({} and {})", line(&one.muster), line(&other.muster)));
    }
    if one.accelerator.kind != other.accelerator.kind {
        let kinds = format!("{} and {}", known(&one.accelerator.kind), known(&other.accelerator.kind));
        return differ(format!("accelerators ({kinds})"));
    }
    if let Some(what) = tools(one, other) {
        return differ(what);
    }
    for (option, differs) in [
        ("--update-snapshots", one.accepts_snapshots() != other.accepts_snapshots()),
        ("--connect", one.is_connected() != other.is_connected()),
    ] {
        if differs {
            return differ(format!("options ({option} was given to one of them alone)"));
        }
    }
    if let Some(role) = deciding::different(&one.files, &other.files) {
        return differ(format!("files that decide on results ({})", line(role)));
    }
    for (id, image) in &other.images {
        let loaded = one.images.get(id).and_then(|known| deciding::different(&known.loaded, &image.loaded));
        if let Some(role) = loaded {
            return differ(format!("files that are loaded for the image {} ({})", line(id), line(role)));
        }
        if let Some(known) = one.images.get(id)
            && differs(&known.sha256, &image.sha256)
        {
            return differ(format!("images ({}: {} and {})", line(id), line(&known.sha256), line(&image.sha256)));
        }
    }
    let booted = |image: &ImageRecord| image.facts.is_some();
    for (id, image) in other.images.iter().filter(|(_, image)| booted(image)) {
        let products = |image: &ImageRecord| image.products.iter().map(|p| p.sha256.clone()).collect::<BTreeSet<_>>();
        if let Some(known) = one.images.get(id).filter(|image| booted(image))
            && products(known) != products(image)
        {
            return differ(format!("products on the image {}", line(id)));
        }
    }
    for (id, suite) in &other.suites {
        if let Some(known) = one.suites.get(id)
            && differs(&known.sha256, &suite.sha256)
        {
            return differ(format!("suites ({})", line(id)));
        }
    }
    match (&one.shard, &other.shard) {
        (Some(one), Some(other)) if one.of != other.of => {
            differ(format!("numbers of shards ({} and {})", one.of, other.of))
        }
        (Some(one), Some(other)) if (&one.plan, one.tests) != (&other.plan, other.tests) => {
            differ(format!("plans: {}", one.differences(other)))
        }
        _ => Ok(()),
    }
}

/// The tools that found the results, where they differ: the program, and the QEMU of the machines. A run of a machine that muster did not
/// start, or of which no machine came up, names no QEMU.
fn tools(one: &RunRecord, other: &RunRecord) -> Option<String> {
    if let (Some(one), Some(other)) = (&one.binary, &other.binary)
        && one != other
    {
        return Some(format!("programs of muster (SHA-256 {} and {})", line(one), line(other)));
    }
    let qemu = |record: &RunRecord| record.machines.iter().filter_map(|m| m.qemu.clone()).collect::<BTreeSet<_>>();
    let (one, other) = (qemu(one), qemu(other));
    let shown = |versions: BTreeSet<String>| versions.iter().map(|v| line(v)).collect::<Vec<_>>().join(", ");
    let differ = !one.is_empty() && !other.is_empty() && one != other;
    differ.then(|| format!("versions of QEMU ({} and {})", shown(one), shown(other)))
}

/// What a record names, or that it names nothing.
fn known(text: &str) -> String {
    if text.is_empty() { "none that is named".to_owned() } else { line(text) }
}

/// What is not known on one side is no difference: the image of a shard that failed before it was hashed.
fn differs(one: &str, other: &str) -> bool {
    !one.is_empty() && !other.is_empty() && one != other
}

fn line(text: &str) -> String {
    one_line(text, 80)
}

/// The runs from which shards have kept results, each once: what the results say of themselves is there.
fn earlier<'r>(records: impl Iterator<Item = &'r RunRecord>) -> Vec<EarlierRun> {
    let mut out: Vec<EarlierRun> = Vec::new();
    for run in records.flat_map(|record| &record.earlier) {
        if !out.iter().any(|known| known.id == run.id && known.sha256 == run.sha256) {
            out.push(run.clone());
        }
    }
    out
}

type Health = BTreeMap<String, TestRecord>;

/// The tests of all shards, and the machine's own of each image.
fn tests(shards: &BTreeMap<u32, &Input<'_>>) -> Result<(Vec<TestRecord>, Health), MergeError> {
    let mut seen: BTreeMap<(&str, &str, &str), u32> = BTreeMap::new();
    let mut tests = Vec::new();
    let mut health = Health::new();
    for (number, run) in shards {
        for test in &run.record.tests {
            let moved = test_of(*number, test);
            if test.suite == MACHINE_SUITE {
                match health.get_mut(&test.image) {
                    Some(known) => both(known, moved),
                    None => drop(health.insert(test.image.clone(), moved)),
                }
                continue;
            }
            if let Some(one) = seen.insert((&test.suite, &test.test, &test.image), *number) {
                let test = one_line(&format!("{} [{}]", test.name(), test.image), 200);
                return Err(MergeError::InTwo { test, one, other: *number });
            }
            tests.push(moved);
        }
    }
    Ok((tests, health))
}

fn in_order(mut tests: Vec<TestRecord>, health: Health) -> Vec<TestRecord> {
    tests.extend(health.into_values());
    let own = |test: &TestRecord| test.suite != MACHINE_SUITE;
    tests.sort_by(|one, other| {
        let key = |test: &TestRecord| {
            (test.image.clone(), own(test), test.suite.clone(), test.location.file.clone(), test.location.line)
        };
        key(one).cmp(&key(other)).then_with(|| one.test.cmp(&other.test))
    });
    tests
}

/// That of the first run; of hosts that differ no architecture is said.
fn accelerator<'r>(first: &RunRecord, mut records: impl Iterator<Item = &'r RunRecord>) -> Accelerator {
    let accelerator = first.accelerator.clone();
    let alike = records.all(|record| record.accelerator.host_arch == accelerator.host_arch);
    Accelerator { host_arch: accelerator.host_arch.clone().filter(|_| alike), ..accelerator }
}

/// With the names that its machines have in the merged record.
fn test_of(shard: u32, test: &TestRecord) -> TestRecord {
    let mut test = test.clone();
    let attempts = test.attempts.iter_mut().map(|attempt| &mut attempt.machine);
    for machine in attempts.chain([&mut test.machine]).flatten() {
        *machine = renamed(shard, machine);
    }
    let of_attempts = test.attempts.iter_mut().flat_map(|attempt| &mut attempt.machines);
    for machine in of_attempts.chain(&mut test.machines) {
        machine.id = renamed(shard, &machine.id);
    }
    test
}

fn machine(shard: u32, machine: &crate::run::MachineRecord) -> crate::run::MachineRecord {
    let mut machine = machine.clone();
    machine.id = renamed(shard, &machine.id);
    // One that an earlier run has kept is no machine of this one.
    machine.cloned_from =
        machine.cloned_from.map(|of| if of.starts_with("template-") { of } else { renamed(shard, &of) });
    machine
}

/// How bad an outcome is: the machine's own test of two shards is as bad as the worse one.
fn badness(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Fail => 6,
        Outcome::Error => 5,
        Outcome::NotRun => 4,
        Outcome::Known => 3,
        Outcome::Flaky => 2,
        Outcome::Pass => 1,
        Outcome::Skip => 0,
    }
}

/// What two shards found out about the machines of an image.
fn both(known: &mut TestRecord, other: TestRecord) {
    if badness(other.outcome) > badness(known.outcome) {
        known.outcome = other.outcome;
    }
    known.failures.extend(other.failures);
    known.seconds += other.seconds;
    known.assertions = known.assertions.saturating_add(other.assertions);
    let (met, more) = met::kept(std::mem::take(&mut known.met).into_iter().chain(other.met).collect());
    known.met = met;
    known.met_left_out = known.met_left_out.saturating_add(other.met_left_out).saturating_add(more);
    for remark in other.remarks {
        if !known.remarks.contains(&remark) {
            known.remarks.push(remark);
        }
    }
    // A pass of it in one shard is no pass of what failed before in another.
    known.earlier.extend(other.earlier);
    // What one shard found itself is no older than that shard.
    known.kept_from = known.kept_from.take().filter(|_| other.kept_from.is_some());
    known.started = known.started.take().into_iter().chain(other.started).min();
    known.skipped = known.skipped.take().or(other.skipped);
    known.issue = known.issue.take().or(other.issue);
    known.capsule = known.capsule.take().or(other.capsule);
}

fn images(shards: &BTreeMap<u32, &Input<'_>>) -> BTreeMap<String, ImageRecord> {
    let mut images: BTreeMap<String, ImageRecord> = BTreeMap::new();
    for (id, image) in shards.values().flat_map(|run| &run.record.images) {
        let entry = images.entry(id.clone()).or_insert_with(|| image.clone());
        if entry.sha256.is_empty() {
            let facts = entry.facts.take();
            *entry = image.clone();
            entry.facts = entry.facts.take().or(facts);
        }
        if entry.facts.is_none() {
            entry.facts.clone_from(&image.facts);
        }
        for product in &image.products {
            if !entry.products.contains(product) {
                entry.products.push(product.clone());
            }
        }
        for kernel in &image.kernels {
            if !entry.kernels.contains(kernel) {
                entry.kernels.push(kernel.clone());
            }
        }
    }
    images
}

/// The command line without what made the run a shard.
fn unsharded(arguments: &[String]) -> Vec<String> {
    let mut out = Vec::new();
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--shard" | "--durations" => drop(words.next()),
            word if word.starts_with("--shard=") || word.starts_with("--durations=") => {}
            word => out.push(word.to_owned()),
        }
    }
    out
}

/// Greener than no shard, and than no test. A shard in which every test was skipped has shown nothing by itself; the others may have.
fn exit<'r>(tests: &[TestRecord], records: impl Iterator<Item = &'r RunRecord>) -> Option<u8> {
    let ran = |tests: &[TestRecord]| tests.iter().any(|test| test.outcome.has_run() && test.suite != MACHINE_SUITE);
    let of = |tests: &[TestRecord]| match verdict::exit_of_records(tests.iter()) {
        Exit::Pass if !ran(tests) => Exit::Invalid,
        exit => exit,
    } as u8;
    let mut worst = of(tests);
    for record in records {
        let code = record.exit_code?;
        // What its tests do not say: it was interrupted, or focused.
        let unexplained = code != of(&record.tests) && code != Exit::Pass as u8;
        if unexplained && worst != Exit::Failed as u8 {
            worst = code;
        }
    }
    Some(worst)
}

#[cfg(test)]
#[path = "merge_tests.rs"]
mod of_samples;
