//! `muster bisect --packages`: states of one machine, each with more of the updates of a transaction than the one before
//! it. The image is booted once; every state is a clone of that machine.
//!
//! - [`offered`]: where the updates come from, and how their files get into the guest.
//! - [`order`]: in which order they are applied. Pure.
//! - [`changelog`]: what is new in an update. Pure.
//! - [`set`]: what a search keeps of them.

mod changelog;
mod offered;
mod order;
pub(super) mod set;

use std::collections::BTreeMap;

use camino::Utf8Path;

use crate::boot::{self, Wanted};
use crate::error::CliError;
use crate::event_loop::{interruption, runtime};
use crate::guest;
use crate::installed;
use crate::output::say_error;
use crate::run::FrozenMachine;
use crate::session::ImageOptions;
use crate::this_host::{host, say_boots};
use muster_base::exit::Exit;
use muster_base::text::{one_line, shell_word};
use muster_engine::driver::{Driver as _, Frozen, Live, Stop};
use muster_engine::engine::Images as _;
use muster_engine::plan::MachineSpec;
use muster_engine::sink::Events;
use muster_qemu::driver::{Host, HostImages, HostTemplate};
use muster_repodata::PackageRecord;
use offered::{Offered, UpdateSource};
use set::{PackageSet, PackageUpdate, UpdateGroup};

/// The machine that every state is a clone of: the image, with the files of all updates in it and none installed.
pub(super) struct Base {
    template: HostTemplate,
    /// Has the key that opens it, and the thread from which its clones must not outlive the search.
    _host: Host,
}

/// Checks what was typed, before anything is made.
///
/// # Errors
/// `--packages` names nothing.
pub(super) fn check(typed: &str) -> Result<(), CliError> {
    UpdateSource::parse(typed).map(drop)
}

impl Base {
    /// Boots the image, brings the updates into it, and freezes it. What it is lies in `dir`.
    ///
    /// # Errors
    /// The image cannot be booted or cloned, it is another than when the search began, or its packages are not known.
    pub(super) fn make(
        options: &ImageOptions,
        set: &PackageSet,
        dir: &Utf8Path,
    ) -> Result<(Self, PackageSet), CliError> {
        let source = UpdateSource::parse(&set.from)?;
        // The image is looked into by a runtime of its own, so before the one of the machine.
        let wanted = boot::one_image(None, options)?;
        let runtime = runtime()?;
        let made = runtime.block_on(async {
            tokio::select! {
                biased;
                () = interruption() => Err(CliError::reported(Exit::Error)),
                made = make(wanted, &source, set, dir) => made,
            }
        });
        runtime.shutdown_timeout(std::time::Duration::from_secs(5));
        made
    }

    /// For a run of the state with the first `count` groups.
    pub(super) fn with_updates(&self, set: &PackageSet, count: usize) -> FrozenMachine<'_> {
        FrozenMachine { template: &self.template, updates: set.updates(count) }
    }
}

async fn make(
    wanted: Wanted,
    source: &UpdateSource,
    set: &PackageSet,
    dir: &Utf8Path,
) -> Result<(Base, PackageSet), CliError> {
    let Wanted { project, spec, accel } = wanted;
    let (id, kind) = (spec.id.clone(), accel.kind);
    let unusable = |why: String| CliError::infrastructure(format!("{id} cannot be frozen: {}", one_line(&why, 300)));
    fs_err::create_dir_all(dir).map_err(|cause| CliError::infrastructure(cause.to_string()))?;
    let (events, _nobody) = Events::channel();
    let host = host(project.root(), dir, accel, &events).await?;
    let (template, set) = {
        let images = HostImages::new(&host, [spec]);
        let mut driver = images.prepare(&id).await.map_err(CliError::of_machine)?;
        let sha256 = driver.image_sha256().to_owned();
        set.check_base(&sha256)?;
        if set.internet {
            let open = MachineSpec { internet: true, ..MachineSpec::default() };
            driver = driver.with_spec(&open).map_err(CliError::of_machine)?;
        }
        say_boots(&id, &id, kind, driver.boot_deadline());
        let live = driver.boot("base", true).await.map_err(|failed| CliError::of_machine(failed.failure))?;
        let set = match read(&live, source, set).await {
            Ok(set) => PackageSet { base_sha256: Some(sha256), ..set },
            Err(error) => {
                live.stop(Stop::Discard).await;
                return Err(error);
            }
        };
        match driver.freeze(live).await {
            Frozen::Template { template, .. } => (template, set),
            Frozen::Refused { live, reason } => {
                live.stop(Stop::Discard).await;
                return Err(unusable(reason).hint("every state is a clone of one machine; without clones, make an image for each state and bisect those"));
            }
            Frozen::Lost { reason, .. } => return Err(unusable(reason)),
        }
    };
    Ok((Base { template, _host: host }, set))
}

/// Brings the files into the guest, and says in which groups and order they are applied.
async fn read(live: &impl Live, source: &UpdateSource, set: &PackageSet) -> Result<PackageSet, CliError> {
    let manager = live.facts().package_manager.clone().unwrap_or_else(|| "none".to_owned());
    if !matches!(manager.as_str(), "dnf4" | "dnf5") {
        let what = format!("--packages needs dnf4 or dnf5 in the image, whose package manager is {manager}");
        return Err(CliError::invalid(what));
    }
    let offered = source.bring(live, &set.from).await?;
    let paths: Vec<String> = offered.iter().map(|one| one.path.clone()).collect();
    let there = installed::read(live).await?;
    let records = installed::of_files(live, &paths).await?;
    let full = |_| CliError::invalid("there are more packages than can be ordered");
    let order::Ordered { groups, left_out, unused } =
        order::order(&there, &records, &live.facts().arch).map_err(full)?;
    let set = PackageSet { left_out, unused, ..set.clone() };
    if groups.is_empty() {
        let why = set.notes().first().map_or_else(String::new, |why| format!(": {why}"));
        return Err(CliError::invalid(format!("none of the package files is an update of the image{why}")));
    }
    let used: Vec<usize> = groups.iter().flatten().copied().collect();
    let updates = describe(live, &offered, &records, &there, &used).await?;
    let group = |places: &Vec<usize>| UpdateGroup {
        packages: places.iter().filter_map(|place| updates.get(place).cloned()).collect(),
    };
    Ok(PackageSet { groups: groups.iter().map(group).collect(), ..set })
}

/// What each of the files is, and what is new in it.
async fn describe(
    live: &impl Live,
    offered: &[Offered],
    records: &[PackageRecord],
    there: &[PackageRecord],
    used: &[usize],
) -> Result<BTreeMap<usize, PackageUpdate>, CliError> {
    let before: Vec<Vec<&PackageRecord>> = used.iter().map(|at| order::replaced(there, &records[*at])).collect();
    let new: Vec<&str> = used.iter().map(|at| offered[*at].path.as_str()).collect();
    // The first that is replaced; a package that is new has none.
    let old: Vec<String> = before
        .iter()
        .map(|old| {
            old.first()
                .map_or_else(String::new, |old| format!("{}-{}-{}.{}", old.name, old.version, old.release, old.arch))
        })
        .collect();
    let new = changelogs(live, "rpm -qp --nosignature", &new).await?;
    let old = changelogs(live, "rpm -q", &old.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    if new.is_none() || old.is_none() {
        say_error("note: the changelogs of the packages cannot be told apart, and are left out");
    }
    let text = |at: usize| match (&new, &old) {
        (Some(new), Some(old)) => changelog::between(&new[at], &old[at]),
        _ => String::new(),
    };
    let update = |(at, place): (usize, &usize)| {
        let Offered { path, sha256 } = offered[*place].clone();
        let before = before[at].iter().map(|old| order::nevra(old)).collect();
        let after = order::nevra(&records[*place]);
        (*place, PackageUpdate { path, sha256, before, after, changelog: text(at) })
    };
    Ok(used.iter().enumerate().map(update).collect())
}

async fn changelogs(live: &impl Live, rpm: &str, of: &[&str]) -> Result<Option<Vec<String>>, CliError> {
    let words: Vec<String> = of.iter().map(|one| shell_word(one)).collect();
    let script = format!("export LC_ALL=C\nset -- {}\n{}", words.join(" "), changelog::script(rpm));
    let limit = of.len() * (changelog::READ + 1) + 1;
    let reply = guest::run(live, script, 300, limit).await?;
    Ok(guest::cut(&reply).is_none().then(|| changelog::several(&reply.stdout, of.len())).flatten())
}
