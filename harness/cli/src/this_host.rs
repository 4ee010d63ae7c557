//! What a command that starts machines takes of this host: what executes them, what they may use, and how long things took here.

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use super::error::CliError;
use super::output::say_error;
use muster_console::rules::Rules;
use muster_engine::budget::{self, Budget};
use muster_engine::halt::Halt;
use muster_engine::known::KnownIssues;
use muster_engine::plan;
use muster_engine::prove::Proofs;
use muster_engine::rerun::Rerun;
use muster_engine::settings::{KeptResults, Settings};
use muster_engine::sink::Events;
use muster_engine::updates::Updates;
use muster_facts::compare::UpdateMode;
use muster_qemu::driver::{Host, MeasuredBoots};
use muster_qemu::{Accel, AccelKind, AccelRequest, RunKey, Spawner, TemplateStore, accel, template_store};
use muster_record::durations::Durations;
use muster_record::layout::{SNAPSHOTS, TESTS};
use muster_record::run::{Accelerator, RunRecord};
use muster_report::pace;

/// What executes the guests.
pub(crate) fn choose_accelerator(asked: AccelRequest) -> Result<Accel, CliError> {
    Ok(accel::choose(asked)?)
}

/// The accelerator as reports know it.
pub(crate) fn accelerator(accel: &Accel) -> Accelerator {
    Accelerator {
        kind: accel.kind.name().to_owned(),
        reason: accel.reason.clone(),
        deadline_scale: accel.deadline_scale,
        host_arch: Some(std::env::consts::ARCH.to_owned()),
    }
}

/// What all machines of a run share.
pub(crate) async fn host(root: &Utf8Path, dir: &Utf8Path, accel: Accel, events: &Events) -> Result<Host, CliError> {
    let spawner = Spawner::new().map_err(|cause| CliError::infrastructure(format!("no thread for QEMU: {cause}")))?;
    let key = RunKey::generate(dir.as_std_path()).await?;
    Ok(Host {
        spawner,
        accel,
        versions: Arc::default(),
        key,
        rules: Rules::shipped(),
        root: root.to_owned(),
        machines: dir.join("machines"),
        capsules: None,
        events: events.clone(),
        measured: MeasuredBoots::No,
        templates: None,
    })
}

/// Where warm machines are kept, in the cache unless a directory is named, and in at most so many bytes. Without it a run only takes longer.
pub(crate) fn templates(named: Option<&Utf8Path>, limit: Option<u64>, events: &Events) -> Option<TemplateStore> {
    let named = named.map(|dir| dir.as_std_path().to_owned());
    let Some(dir) = named.or_else(|| muster_image::cache_dir().map(|cache| TemplateStore::below(&cache))) else {
        events.notice("--warm: there is no cache: none of MUSTER_CACHE, XDG_CACHE_HOME and HOME is set");
        return None;
    };
    TemplateStore::open(&dir, limit.unwrap_or(template_store::DEFAULT_LIMIT))
        .inspect_err(|error| events.notice(format!("--warm: {error}; templates are not saved")))
        .ok()
}

/// What machines may take of this host.
pub(crate) fn budget(jobs: Option<u32>, memory_mib: Option<u32>) -> Budget {
    let cores = std::thread::available_parallelism().map_or(1, |count| u32::try_from(count.get()).unwrap_or(1));
    Budget::new(cores, memory_mib.unwrap_or_else(budget::available_memory_mib), jobs)
}

/// How one machine at a time is asked, by the snapshots that are accepted, without known issues and proofs.
/// What the run writes lies below the directory.
pub(crate) fn one_machine(rerun: Rerun, accelerator: &str, dir: &Utf8Path) -> Settings {
    Settings {
        rerun,
        accelerator: accelerator.to_owned(),
        update: UpdateMode::Ci,
        pending: dir.join(SNAPSHOTS),
        own_snapshots: None,
        artifacts: dir.join(TESTS),
        claims: Default::default(),
        known: KnownIssues::default(),
        boot_baseline: None,
        proofs: Proofs::default(),
        focused: false,
        shard: None,
        budget: budget(Some(1), None),
        durations: Durations::default(),
        halt: Halt::default(),
        products: Vec::new(),
        updates: Updates::default(),
        kept: KeptResults::default(),
    }
}

/// What is measured of boots: something when a test compares them, instructions when the guests are emulated.
pub(crate) fn measured(plan: &plan::Plan, accelerator: AccelKind, run_has_baseline: bool) -> MeasuredBoots {
    match accelerator {
        _ if !plan.compares_boots(run_has_baseline) => MeasuredBoots::No,
        AccelKind::Tcg => MeasuredBoots::Instructions,
        AccelKind::Kvm => MeasuredBoots::Times,
    }
}

/// Where it is kept how long tests took.
pub(crate) fn durations_file() -> Option<Utf8PathBuf> {
    muster_image::cache_dir().and_then(|cache| Utf8PathBuf::from_path_buf(cache.join("durations.json")).ok())
}

/// Says that a machine boots, and how long that may take.
pub(crate) fn say_boots(machine: &str, image: &str, accel: AccelKind, deadline: std::time::Duration) {
    let usual = durations_file().map(|path| Durations::load(&path)).unwrap_or_default();
    let expected = pace::boot_expectation(&usual, image, accel.name(), deadline.as_secs_f64());
    say_error(&format!("{machine} boots ({expected})"));
}

/// Keeps how long it took. That only tells what to expect: a cache that cannot be written is no reason to fail a run.
pub(crate) fn learn(record: &RunRecord) {
    let Some(path) = durations_file() else { return };
    let mut durations = Durations::load(&path);
    durations.learn(&record.tests);
    durations.learn_boots(record);
    let _ = durations.save(&path);
}
