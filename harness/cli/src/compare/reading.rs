//! The facts of one system, from wherever the person has it: an image, a disk file, the directory of a run,
//! or a facts file.

use std::time::Duration;

use camino::Utf8Path;

use super::after::{self, After};
use super::facts_file::is_facts;
use crate::boot::{Wanted, with_machine};
use crate::catalogue::Catalogue;
use crate::error::CliError;
use crate::event_loop;
use crate::output::{say_error, say_note};
use crate::project::Project;
use crate::session::{self, ImageOptions, MachineOptions};
use crate::this_host::choose_accelerator;
use muster_base::exit::Exit;
use muster_base::machine::Format;
use muster_base::text::one_line;
use muster_check::Observations;
use muster_compare::facts::Facts;
use muster_compare::kind::{FactKind, Scope};
use muster_compare::kinds;
use muster_engine::driver::Live;
use muster_guest::Request;
use muster_image::ImageSpec;
use muster_record::open;
use muster_record::run::RunRecord;

/// Bytes of one answer: the files of all packages of a large system are a few MiB.
const LIMIT: usize = 64 << 20;

/// What is read of a system.
pub(crate) struct Reading<'r> {
    pub(crate) kinds: &'r [&'static dyn FactKind],
    pub(crate) scope: &'r Scope,
}

/// A system that is named, found before anything is booted.
pub(super) enum System {
    /// Facts that were written before.
    Known(Box<Facts>),
    /// An image, and the project that knows how lab images are built.
    Image(Project, Box<ImageSpec>),
}

impl System {
    /// A file of facts, a run, an image of the catalogue or a disk.
    pub(super) fn find(named: &str, options: &MachineOptions) -> Result<Self, CliError> {
        let path = Utf8Path::new(named);
        if is_facts(named) {
            return Ok(Self::Known(Box::new(Facts::read(path)?)));
        }
        let project = Project::find()?;
        // A directory that happens to be called as an image of the catalogue is no run.
        let is_run = path.join("run.json").exists() || (path.is_dir() && named.contains('/'));
        let spec = match is_run {
            true => spec_of_run(&project, path, options)?,
            false => spec(&project, named, options.image_format, options)?,
        };
        Ok(Self::Image(project, Box::new(spec)))
    }
}

impl Reading<'_> {
    /// Facts of a system, as it is or as the test leaves it. Facts that were written before stay what they are.
    pub(super) fn facts(
        &self,
        system: System,
        after: Option<After>,
        options: &MachineOptions,
    ) -> Result<Facts, CliError> {
        match system {
            System::Known(facts) => Ok(*facts),
            System::Image(project, spec) => self.boot(project, *spec, after, options),
        }
    }

    fn boot(
        &self,
        project: Project,
        spec: ImageSpec,
        after: Option<After>,
        options: &MachineOptions,
    ) -> Result<Facts, CliError> {
        let accel = choose_accelerator(options.accel)?;
        let name = match &after {
            Some(after) => format!("{} after {}", spec.id, after.name()),
            None => spec.id.clone(),
        };
        let wanted = Wanted { project, spec, accel };
        let runtime = event_loop::runtime()?;
        let facts = runtime.block_on(async {
            let read = async {
                match after {
                    Some(after) => {
                        after::with_machine_after(wanted, after, async |live| self.read_kinds(live, name).await).await
                    }
                    None => with_machine(wanted, async |live, _, _| self.read_kinds(live, name).await).await,
                }
            };
            tokio::select! {
                biased;
                () = event_loop::interruption() => Err(CliError::reported(Exit::Error)),
                facts = read => facts,
            }
        });
        runtime.shutdown_timeout(Duration::from_secs(5));
        facts
    }

    /// Reads them of a machine that is up.
    pub(crate) async fn read_kinds(&self, live: &impl Live, name: String) -> Result<Facts, CliError> {
        let probes = kinds::probes(self.kinds, self.scope);
        let scale = live.deadline_scale();
        let requests = probes.iter().map(|probe| Request {
            script: probe.script.clone(),
            timeout: probe.timeout.mul_f64(scale),
            limit: LIMIT,
        });
        say_error(&format!("reading {} kinds of facts of {name}", self.kinds.len()));
        let replies = live.batch(requests.collect()).await.map_err(|failure| {
            CliError::infrastructure(failure.message.clone())
                .hint(format!("`muster failures {}` explains it", failure.id))
        })?;
        let seen = Observations(probes.into_iter().map(|probe| probe.key).zip(replies).collect());
        let taken = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        Ok(Facts::from_replies((name, taken), live.facts().clone(), self.kinds, self.scope, &seen))
    }
}

fn spec(
    project: &Project,
    named: &str,
    format: Option<Format>,
    options: &MachineOptions,
) -> Result<ImageSpec, CliError> {
    let machine = MachineOptions { image_format: format, ..options.clone() };
    let options = ImageOptions { image: vec![named.to_owned()], machine };
    let mut notices = Vec::new();
    let mut specs = session::image_specs(project, &Catalogue::load(project)?, &options, &mut notices)?;
    for notice in notices {
        say_note(&notice, 400);
    }
    specs.pop().ok_or_else(|| CliError::invalid("no image was named"))
}

/// The image that a run tested, as long as it is still the same.
fn spec_of_run(project: &Project, dir: &Utf8Path, options: &MachineOptions) -> Result<ImageSpec, CliError> {
    let record = record(dir)?;
    let mut images = record.images.iter();
    let (Some((id, image)), None) = (images.next(), images.next()) else {
        let ids: Vec<&str> = record.images.keys().map(String::as_str).collect();
        let what = format!("{dir} is a run of {} images: {}", ids.len(), one_line(&ids.join(", "), 300));
        return Err(CliError::invalid(what).hint("name one of the images instead of the run"));
    };
    // An image of the catalogue is known by more than its path.
    let catalogue = Catalogue::load(project)?;
    let spec = match catalogue.get(id) {
        Some(_) => spec(project, id, None, options)?,
        None => spec(project, &image.path, image.format.parse().ok(), options)?,
    };
    let ready = event_loop::runtime()?
        .block_on(muster_image::prepare_to_look(project.root().as_std_path(), &spec))
        .map_err(|error| CliError::infrastructure(format!("the image of {dir}: {error}")))?;
    if ready.sha256 != image.sha256 {
        let what = format!("{} has changed since the run in {dir} tested it", ready.source.display());
        return Err(CliError::infrastructure(what).hint("keep facts of images that change: --save-facts"));
    }
    Ok(spec)
}

/// The record of a run.
fn record(dir: &Utf8Path) -> Result<RunRecord, CliError> {
    let opened = open::open(dir)?;
    Ok(opened.record)
}
