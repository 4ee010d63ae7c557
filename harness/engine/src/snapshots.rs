//! The snapshots of a test.

use camino::Utf8Path;

use super::attempt::Attempt;
use super::clock::Clock;
use super::driver::Live;
use super::plan::Planned;
use super::reading::PROBE_LIMIT;
use super::settings::Settings;
use muster_base::failure::{self, Failure, FailureId};
use muster_base::{files, text};
use muster_facts::compare::{ReadAs, SnapshotRequest, SnapshotVerdict, UpdateMode};
use muster_facts::{compare, sources};
use muster_guest::Request;
use muster_record::facts::Facts;
use muster_record::met::MetRecord;
use muster_suite::model::{SharedBy, SnapshotSpec};
use muster_suite::snapshot_files::{self, ENDING, Places};

/// Reads what a test has snapshots of, and compares it with what was accepted.
pub(super) async fn compare_all<L: Live>(
    live: &L,
    planned: &Planned,
    image: &str,
    settings: &Settings,
    clock: &Clock,
    attempt: &mut Attempt,
) -> Result<(), Failure> {
    let test = planned.test();
    if test.snapshots.is_empty() {
        return Ok(());
    }
    let requests = test
        .snapshots
        .iter()
        .map(|spec| {
            let probe = sources::probe(&spec.of);
            Request { script: probe.script, timeout: clock.stretch(probe.timeout), limit: PROBE_LIMIT }
        })
        .collect();
    // Some of them are command lines of the suite.
    let replies = live.commands(requests).await?;
    for (spec, reply) in test.snapshots.iter().zip(replies) {
        attempt.assertions += 1;
        match sources::render(&spec.of, &reply, spec) {
            Err(why) => {
                let text = format!("snapshot {}: {}", spec.name, text::one_line(&why.to_string(), 300));
                attempt.failures.push(Failure::new(failure::PROBE_FAILED, text).at(&spec.location));
            }
            Ok(rendered) => {
                attempt.remarks.extend(rendered.warnings.iter().map(|w| format!("snapshot {}: {w}", spec.name)));
                match compare_one(planned, spec, image, live.facts(), settings, rendered.text) {
                    Ok(remark) => {
                        let (subject, same) = (format!("snapshot {}", spec.name), "the same");
                        let actual = remark.as_deref().unwrap_or(same);
                        attempt.met.push(MetRecord::new(&subject, "is as it was accepted", actual));
                        attempt.remarks.extend(remark);
                    }
                    Err(failure) => attempt.failures.push(failure),
                }
            }
        }
    }
    Ok(())
}

fn compare_one(
    planned: &Planned,
    spec: &SnapshotSpec,
    image: &str,
    facts: &Facts,
    settings: &Settings,
    body: String,
) -> Result<Option<String>, Failure> {
    let (suite, test) = (&planned.suite, planned.test());
    let failure = |id: &FailureId, text: String| Failure::new(id.clone(), text).at(&spec.location);
    let whose = match spec.per {
        SharedBy::Image => image.to_owned(),
        SharedBy::Distro => match facts.dimension("distro").and_then(|names| names.into_iter().next()) {
            Some(distro) => format!("{distro}-{}", facts.arch),
            None => {
                let text = format!("snapshot {}: the guest does not say which distribution it is", spec.name);
                return Err(failure(&failure::PROBE_FAILED, text));
            }
        },
    };
    let dir = Utf8Path::new(&*suite.file).parent().unwrap_or(Utf8Path::new("."));
    // What a changed guest says must never be offered for acceptance, let alone accepted.
    let (names, pending, update) = match &spec.proves {
        Some((suite, of)) => {
            let pending = settings.pending.join("proofs").join(files::safe_name(&test.id));
            ((suite, of), pending, UpdateMode::Ci)
        }
        None => ((&suite.name, &test.id), settings.pending.clone(), settings.update),
    };
    let name = snapshot_files::file_name(names.0, names.1, &spec.name, &whose);
    let read_as = match suite.accepted.as_ref().filter(|_| update != UpdateMode::Accept) {
        None => ReadAs::Unread,
        Some(accepted) => accepted.get(&format!("{name}{ENDING}")).cloned().map_or(ReadAs::Absent, ReadAs::Sha256),
    };
    let request = SnapshotRequest {
        places: Places::of(dir, settings.own_snapshots.as_ref()),
        read_as,
        pending_directory: match spec.per {
            SharedBy::Image => pending,
            // Images that share the accepted form must not overwrite what each of them leaves in the run directory.
            SharedBy::Distro => pending.join(files::safe_name(image)),
        },
        name,
        body,
        source: spec.location.clone(),
        description: test.summary.clone(),
        info: vec![("image".to_owned(), image.to_owned())],
        update,
    };
    // Without a review in the checkout there is nothing that `muster snapshots` would find.
    let next = match update {
        UpdateMode::Review => {
            "look at it with `muster snapshots review`, and accept it with `muster snapshots accept` or by a run with \
             --update-snapshots"
        }
        UpdateMode::Ci | UpdateMode::Accept => "accept it by a run with --update-snapshots",
    };
    match compare::compare(&request) {
        Ok(SnapshotVerdict::Same) => Ok(None),
        Ok(SnapshotVerdict::Accepted { .. }) => Ok(Some(format!("snapshot {} was accepted by this run", spec.name))),
        Ok(SnapshotVerdict::Changed { diff, pending }) => {
            let text = format!(
                "snapshot {} differs from the accepted one; the new one is {pending}; if it is right, {next}",
                spec.name
            );
            Err(failure(&failure::SNAPSHOT_CHANGED, text).with_detail(diff))
        }
        Ok(SnapshotVerdict::New { diff, pending }) => {
            let text = format!("snapshot {} was never accepted for {whose}; it is {pending}; {next}", spec.name);
            Err(failure(&failure::SNAPSHOT_NEW, text).with_detail(diff))
        }
        Err(error) => Err(failure(&failure::PROBE_FAILED, format!("snapshot {}: {error}", spec.name))),
    }
}
