//! A system as a test leaves it: what an upgrade or an installation makes of a machine can then be set
//! next to a machine that was new.

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use super::facts_file::is_facts;
use crate::boot::Wanted;
use crate::error::CliError;
use crate::load::{self, Loaded, Selection};
use crate::machine_dir::MachineDir;
use crate::output::say_error;
use crate::project::short;
use crate::this_host;
use crate::trials::describe;
use muster_base::text::{one_line, shell_word};
use muster_engine::driver::Driver;
use muster_engine::engine::Images;
use muster_engine::plan::{self, Group};
use muster_engine::rerun::Rerun;
use muster_engine::session::Session;
use muster_engine::session::clones::MachineSource;
use muster_engine::sink::Events;
use muster_engine::worker::Worker;
use muster_qemu::driver::{HostImages, HostMachine};
use muster_record::outcome::Outcome;
use muster_record::run::TestRecord;
use muster_suite::select::TestIndex;

/// One test and those that it needs, in their order.
pub(super) struct After {
    group: Group,
    /// Where the tests are, as typed.
    suites: Vec<Utf8PathBuf>,
    /// What they are asked of, as typed.
    system: String,
}

impl After {
    /// The test of that name in these suites, which lie at `paths`, for the system that is named so; several
    /// tests are refused, and a system of which there is only a file.
    pub(super) fn find(loaded: &Loaded, paths: &[Utf8PathBuf], name: &str, system: &str) -> Result<Self, CliError> {
        if is_facts(system) {
            let what = format!("{system} was read before, so that {} cannot be run on it", one_line(name, 120));
            return Err(CliError::invalid(what).hint("name the image or the disk that it was read of"));
        }
        let selection = Selection { test: vec![name.to_owned()], ..Selection::default() };
        let selected = load::select(loaded, &selection)?;
        let (Some(TestIndex { suite, test }), 1) = (selected.tests.first(), selected.len()) else {
            return Err(not_one(name));
        };
        let suite = [Arc::new(loaded.suites[*suite].clone())];
        // What tests need of each other is one group.
        let group = plan::plan(&suite, &[TestIndex { suite: 0, test: *test }].into(), Vec::new()).groups.pop();
        group
            .map(|group| Self { group, suites: paths.to_vec(), system: system.to_owned() })
            .ok_or_else(|| CliError::invalid("the selection selects no test"))
    }

    /// `suite/test` of the last one.
    pub(super) fn name(&self) -> String {
        self.group.tests.last().map(|planned| name(&planned.suite.name, &planned.test().id)).unwrap_or_default()
    }

    /// How a person asks the tests again. The directory of a run is no image that could be named.
    fn rerun(&self, image: &str) -> Rerun {
        let options = self.suites.iter().flat_map(|path| ["--suites".to_owned(), shell_word(short(path).as_str())]);
        let typed = !Utf8Path::new(&self.system).is_dir();
        let images = typed.then(|| (image.to_owned(), self.system.clone())).into_iter().collect();
        Rerun { options: options.collect(), images, ..Rerun::default() }
    }
}

fn not_one(name: &str) -> CliError {
    let what = format!("`{}` is not one test of a suite", one_line(name, 120));
    CliError::invalid(what).hint("name the last test, such as upgrade/restarts-well")
}

fn name(suite: &str, test: &str) -> String {
    format!("{suite}/{test}")
}

/// Boots the machine, asks the tests of it, and gives it to `then` when all of them have passed.
pub(super) async fn with_machine_after<T>(
    wanted: Wanted,
    after: After,
    then: impl AsyncFnOnce(&HostMachine) -> Result<T, CliError>,
) -> Result<T, CliError> {
    let Wanted { project, spec, accel } = wanted;
    let (image, kind) = (spec.id.clone(), accel.kind);
    let machine_dir = MachineDir::make(&image, &image)?;
    // A documented failure is one all the same: the system is not what the test was to make of it.
    let settings = this_host::one_machine(after.rerun(&image), accel.kind.name(), machine_dir.dir());
    let (events, _nobody) = Events::channel();
    let host = this_host::host(project.root(), machine_dir.dir(), accel, &events).await?;
    let images = HostImages::new(&host, [spec]);
    let prepared = images.prepare(&image).await.map_err(CliError::of_machine)?;
    let driver = prepared.with_spec(&after.group.machine_spec).map_err(CliError::of_machine)?;
    let session = Session::new(&driver, &image, &settings, events.clone());
    let mut worker = session.worker(MachineSource::Boot);
    this_host::say_boots(&image, &image, kind, driver.boot_deadline());
    let result = match run_all(&mut worker, &after.group).await {
        Ok(()) => match worker.live() {
            Some(live) => then(live).await,
            None => Err(CliError::infrastructure(format!("{image} is gone after {}", after.name()))),
        },
        Err(cli_error) => Err(cli_error),
    };
    worker.end_machine().await;
    result
}

async fn run_all<D: Driver>(worker: &mut Worker<'_, '_, D>, group: &Group) -> Result<(), CliError> {
    for planned in &group.tests {
        let record = worker.run(planned).await;
        let name = name(&record.suite, &record.test);
        say_error(&format!("{} {name} [{}]  ({:.1} s)", record.outcome.name(), record.image, record.seconds));
        if !matches!(record.outcome, Outcome::Pass | Outcome::Flaky) {
            return Err(not_passed(&name, &record));
        }
    }
    Ok(())
}

/// Why a system is not read: it is not what the test was to make of it.
fn not_passed(name: &str, record: &TestRecord) -> CliError {
    let mut what = format!("{} is not what {name} was to make of it, and is not compared", record.image);
    if let Some(reason) = &record.skipped {
        what.push_str(&format!("\n  it did not run: {}", reason.message));
    }
    for failure in &record.failures {
        what.push_str(&format!("\n{}", describe(failure).trim_end()));
    }
    let hint = format!("run `{}` for the details", record.rerun);
    CliError::infrastructure(what).hint(hint)
}
