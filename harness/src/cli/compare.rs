//! `muster compare`: two systems set beside each other, and the gate on what nobody has documented.

use camino::{Utf8Path, Utf8PathBuf};
use std::time::Duration;

use super::boot::{Wanted, with_machine};
use super::project::Project;
use super::run::{choose_accelerator, interruption, runtime};
use super::session::{self, ImageOptions};
use super::{Complaint, load, say, say_error};
use crate::check::Observations;
use crate::compare::azldev;
use crate::compare::difference::compare;
use crate::compare::facts::Facts;
use crate::compare::kind::{self, FactKind, Scope};
use crate::compare::verdict::{Verdict, judge};
use crate::compare::{json, markdown, text};
use crate::exit::Exit;
use crate::guest::Request;
use crate::image::{DiskBus, FirmwareKind, Format, ImageSpec, SeedKind};
use crate::machine::AccelRequest;
use crate::report::fold;
use crate::run::driver::Live;
use crate::run::record::RunRecord;
use crate::suite::deviations::{self, Deviation};
use crate::suite::diagnostic::Diagnostics;
use crate::text::one_line;

/// Bytes of one answer: the files of all packages of a large system are a few MiB.
const LIMIT: usize = 64 << 20;
/// Bytes of a run's record.
const LARGEST_RECORD: u64 = 256 << 20;

/// Compare two systems, and fail on differences that nobody has documented
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes: 0 every difference is documented · 1 some are not · 2 invalid ledger or usage · \
3 a system, or a kind of facts, could not be read · 4 only stale or expired entries

Examples:
  muster compare fedora-43 my.vhd --disk-format vhd --ledger deviations.yaml
  muster compare fedora-43.facts.json my.qcow2 --azldev ~/azurelinux --format markdown
  muster compare lab --save-facts lab.facts.json       only read one system
  muster compare old.json new.json --only package,unit --all")]
pub struct Arguments {
    /// What is compared with: an image, a disk file, a run folder, or a facts file (*.json)
    #[arg(value_name = "BASELINE")]
    baseline: String,
    /// What is judged, in the same ways; may be left out with --save-facts
    #[arg(value_name = "CANDIDATE", required_unless_present = "save_facts")]
    candidate: Option<String>,
    /// Ledgers of documented deviations (deviations/v1): files or folders; may be repeated
    #[arg(long, value_name = "PATH")]
    ledger: Vec<Utf8PathBuf>,
    /// Azure Linux's TOML tree, whose overlays document differences of their packages
    #[arg(long, value_name = "FOLDER")]
    azldev: Option<Utf8PathBuf>,
    /// Keep the facts of the last system that is named, for later comparisons
    #[arg(long, value_name = "FILE")]
    save_facts: Option<Utf8PathBuf>,
    /// Only these kinds of facts
    #[arg(long, value_name = "KIND", value_delimiter = ',', value_parser = kinds_parser())]
    only: Vec<String>,
    /// All kinds of facts but these
    #[arg(long, value_name = "KIND", value_delimiter = ',', value_parser = kinds_parser(), conflicts_with = "only")]
    ignore: Vec<String>,
    /// Compare the files below this folder instead of the default ones; may be repeated
    #[arg(long = "tree", value_name = "FOLDER", value_parser = tree)]
    trees: Vec<String>,
    /// How the comparison is printed
    #[arg(long, value_enum, default_value_t)]
    format: Output,
    /// List documented differences too
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    machines: MachineOptions,
}

/// How images are booted; the same for both.
#[derive(Debug, Clone, clap::Args)]
struct MachineOptions {
    /// Format of disk files [default: by the file's own magic bytes, which is then said]
    #[arg(long, value_name = "FORMAT")]
    disk_format: Option<Format>,
    /// uefi, uefi-secure or bios
    #[arg(long, value_name = "KIND")]
    firmware: Option<FirmwareKind>,
    /// How the key gets in: nocloud, ignition, systemd-credentials or none
    #[arg(long, value_name = "KIND")]
    seed: Option<SeedKind>,
    /// Who logs in
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Memory of each guest, such as 2GiB
    #[arg(long = "guest-memory", value_name = "SIZE", value_parser = session::memory)]
    memory: Option<u32>,
    /// How the disk is attached: virtio-blk, virtio-scsi, nvme or sata
    #[arg(long, value_name = "BUS")]
    bus: Option<DiskBus>,
    /// From QEMU's start to the first answer, on working KVM; emulation stretches it
    #[arg(long, value_name = "DURATION", value_parser = session::duration)]
    boot_timeout: Option<Duration>,
    /// auto, kvm or tcg
    #[arg(long, value_name = "KIND", default_value = "auto", value_parser = session::accelerator)]
    accel: AccelRequest,
}

/// How a comparison is printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// For people
    #[default]
    Text,
    /// For programs (comparison/v1)
    Json,
    /// For the comment of a pull request
    Markdown,
}

fn kinds_parser() -> clap::builder::PossibleValuesParser {
    kind::words().into()
}

fn tree(text: &str) -> Result<String, String> {
    let path = Utf8Path::new(text);
    let plain = path.is_absolute() && !path.as_str().chars().any(char::is_control);
    let inside = path.components().all(|part| part.as_str() != "..");
    match plain && inside && path.parent().is_some() {
        true => Ok(text.trim_end_matches('/').to_owned()),
        false => Err("an absolute path of a folder, without `..`, and not / itself".to_owned()),
    }
}

pub fn execute(arguments: Arguments) -> Result<Exit, Complaint> {
    let kinds: Vec<&'static dyn FactKind> = kind::all()
        .iter()
        .copied()
        .filter(|kind| arguments.only.is_empty() || arguments.only.iter().any(|word| word == kind.word()))
        .filter(|kind| !arguments.ignore.iter().any(|word| word == kind.word()))
        .collect();
    if kinds.is_empty() {
        return Err(Complaint::invalid("--ignore leaves no kind of facts to compare"));
    }
    // Before anything is booted for minutes.
    let (entries, overlays) = documents(&arguments)?;
    let scope = match arguments.trees.is_empty() {
        true => Scope::default(),
        false => Scope { trees: arguments.trees.clone() },
    };
    let reading = Reading { kinds: &kinds, scope: &scope, options: &arguments.machines };
    let baseline = reading.facts(&arguments.baseline)?;
    let candidate = arguments.candidate.as_ref().map(|named| reading.facts(named)).transpose()?;
    if let Some(path) = &arguments.save_facts {
        save(path, candidate.as_ref().unwrap_or(&baseline))?;
    }
    let Some(candidate) = candidate else {
        return Ok(read_one(&baseline, &kinds));
    };
    let today = jiff::Zoned::now().date();
    let comparison = compare(&kinds, &baseline, &candidate);
    let verdict = judge(comparison, (&baseline, &candidate), &entries, overlays.as_ref(), today);
    print(&verdict, &arguments)
}

/// What documents differences; everything that is wrong with it is printed.
fn documents(arguments: &Arguments) -> Result<(Vec<Deviation>, Option<azldev::Tree>), Complaint> {
    let mut sink = Diagnostics::new();
    let entries = match arguments.ledger.is_empty() {
        true => Vec::new(),
        false => deviations::load(&arguments.ledger, &kind::words(), &load::vocabulary(), &mut sink),
    };
    let tree = arguments.azldev.as_ref().map(|folder| azldev::load(folder, &mut sink));
    sink.settle();
    if sink.is_empty() {
        return Ok((entries, tree));
    }
    load::tell(&sink);
    Err(Complaint::told(Exit::Invalid))
}

/// When only one system was read: whether all of it could be.
fn read_one(facts: &Facts, kinds: &[&'static dyn FactKind]) -> Exit {
    let mut exit = Exit::Pass;
    for kind in kinds {
        if let kind::Part::Unreadable(why) = facts.part(kind.word()) {
            say_error(&format!("error: {}: {}", kind.word(), one_line(&why, 400)));
            exit = Exit::Error;
        }
    }
    exit
}

fn save(path: &Utf8Path, facts: &Facts) -> Result<(), Complaint> {
    let text = facts
        .to_json()
        .map_err(|error| Complaint::infrastructure(format!("the facts cannot be written as JSON: {error}")))?;
    crate::files::write_atomically(path, text.as_bytes()).map_err(|error| Complaint::infrastructure(error.to_string()))
}

fn print(verdict: &Verdict, arguments: &Arguments) -> Result<Exit, Complaint> {
    match arguments.format {
        Output::Text => say(text::render(verdict, arguments.all).trim_end()),
        Output::Markdown => say(markdown::render(verdict).trim_end()),
        Output::Json => say(&json::render(verdict).map_err(|error| Complaint::infrastructure(error.to_string()))?),
    }
    let exit = verdict.exit();
    if exit == Exit::Invalid {
        return Err(Complaint::invalid("nothing was compared: neither system has any of these kinds of facts"));
    }
    Ok(exit)
}

/// What is read of a system, and how it is booted for that.
struct Reading<'r> {
    kinds: &'r [&'static dyn FactKind],
    scope: &'r Scope,
    options: &'r MachineOptions,
}

impl Reading<'_> {
    fn facts(&self, named: &str) -> Result<Facts, Complaint> {
        let path = Utf8Path::new(named);
        if path.extension() == Some("json") {
            return Facts::read(path).map_err(|why| {
                Complaint::invalid(why).hint("`muster compare IMAGE --save-facts FILE` writes such a file")
            });
        }
        let project = Project::find()?;
        // A folder that happens to be called as an image of the catalogue is no run.
        let is_run = path.join("run.json").exists() || (path.is_dir() && named.contains('/'));
        let spec = match is_run {
            true => self.spec_of_run(&project, path)?,
            false => self.spec(&project, named, self.options.disk_format)?,
        };
        self.boot(project, spec)
    }

    fn spec(&self, project: &Project, named: &str, format: Option<Format>) -> Result<ImageSpec, Complaint> {
        let MachineOptions { firmware, seed, user, memory, bus, boot_timeout, accel, .. } = self.options.clone();
        let options = ImageOptions {
            image: vec![named.to_owned()],
            format,
            firmware,
            seed,
            user,
            memory,
            bus,
            boot_timeout,
            accel,
            ..ImageOptions::default()
        };
        let mut notices = Vec::new();
        let mut specs = session::image_specs(project, &options, &mut notices)?;
        for notice in notices {
            say_error(&format!("note: {}", one_line(&notice, 400)));
        }
        specs.pop().ok_or_else(|| Complaint::invalid("no image was named"))
    }

    /// The image that a run judged, as long as it is still the same.
    fn spec_of_run(&self, project: &Project, folder: &Utf8Path) -> Result<ImageSpec, Complaint> {
        let record = record(folder)?;
        let mut images = record.images.iter();
        let (Some((id, image)), None) = (images.next(), images.next()) else {
            let ids: Vec<&str> = record.images.keys().map(String::as_str).collect();
            let what = format!("{folder} is a run of {} images: {}", ids.len(), one_line(&ids.join(", "), 300));
            return Err(Complaint::invalid(what).hint("name one of the images instead of the run"));
        };
        // An image of the catalogue is known by more than its path.
        let catalogue = super::images::Catalogue::load(project)?;
        let spec = match catalogue.get(id) {
            Some(_) => self.spec(project, id, None)?,
            None => self.spec(project, &image.path, image.format.parse().ok())?,
        };
        let ready = super::images::runtime()?
            .block_on(crate::image::prepare(project.root().as_std_path(), &spec))
            .map_err(|error| Complaint::infrastructure(format!("the image of {folder}: {error}")))?;
        if ready.sha256 != image.sha256 {
            let what = format!("{} is not what the run in {folder} judged any more", ready.source.display());
            return Err(Complaint::infrastructure(what).hint("keep facts of images that change: --save-facts"));
        }
        Ok(spec)
    }

    fn boot(&self, project: Project, spec: ImageSpec) -> Result<Facts, Complaint> {
        let accel = choose_accelerator(self.options.accel)?;
        let name = spec.id.clone();
        let runtime = runtime()?;
        let facts = runtime.block_on(async {
            let read = with_machine(Wanted { project, spec, accel }, async |live, _, _| self.ask(live, name).await);
            tokio::select! {
                biased;
                () = interruption() => Err(Complaint::told(Exit::Error)),
                facts = read => facts,
            }
        });
        runtime.shutdown_timeout(Duration::from_secs(5));
        facts
    }

    async fn ask(&self, live: &impl Live, name: String) -> Result<Facts, Complaint> {
        let probes = kind::probes(self.kinds, self.scope);
        let scale = live.deadline_scale();
        let requests = probes.iter().map(|probe| Request {
            script: probe.script.clone(),
            timeout: probe.timeout.mul_f64(scale),
            limit: LIMIT,
        });
        say_error(&format!("reading {} kinds of facts of {name}", self.kinds.len()));
        let replies = live.batch(requests.collect()).await.map_err(|failure| {
            Complaint::infrastructure(failure.message.clone())
                .hint(format!("`muster failures {}` explains it", failure.id))
        })?;
        let seen = Observations(probes.into_iter().map(|probe| probe.key).zip(replies).collect());
        let taken = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        Ok(Facts::from_answers((name, taken), live.facts().clone(), self.kinds, self.scope, &seen))
    }
}

/// The record of a run.
fn record(folder: &Utf8Path) -> Result<RunRecord, Complaint> {
    use std::io::Read as _;
    let path = folder.join("run.json");
    let unreadable = |why: String| {
        Complaint::invalid(format!("{path}: {}", one_line(&why, 300)))
            .hint("a folder that is compared is one that `muster run` made")
    };
    let mut text = String::new();
    std::fs::File::open(&path)
        .and_then(|file| file.take(LARGEST_RECORD).read_to_string(&mut text))
        .map_err(|error| unreadable(error.to_string()))?;
    let record: RunRecord = serde_json::from_str(&text).map_err(|error| unreadable(error.to_string()))?;
    if record.schema != fold::SCHEMA {
        return Err(unreadable(format!("its schema is `{}`, and {} is read here", record.schema, fold::SCHEMA)));
    }
    Ok(record)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trees_are_absolute_and_not_everything() {
        assert_eq!(tree("/usr/share/").as_deref(), Ok("/usr/share"));
        for bad in ["/", "etc", "/etc/../root", "/a\nb", ""] {
            assert!(tree(bad).is_err(), "{bad}");
        }
    }
}
