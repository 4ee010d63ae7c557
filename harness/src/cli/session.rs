//! What `muster run` and `muster test` share: from what was typed to a plan, images and a host.

use std::sync::Arc;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use super::images::Catalogue;
use super::load::{self, HEALTH, Selection};
use super::project::Project;
use super::{Complaint, OutputFormat, project};
use crate::image::{DiskBus, DiskSource, FirmwareKind, Format, ImageSpec, SeedKind};
use crate::machine::AccelRequest;
use crate::run::plan::{self, Plan, Rerun};

/// Which images, and how they are booted.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ImageOptions {
    /// An image of the catalogue, or a disk file; may be repeated
    #[arg(long = "image", value_name = "NAME|FILE", default_value = "lab")]
    pub image: Vec<String>,
    /// Format of disk files [default: by the file's own magic bytes, which is then said]
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<Format>,
    /// uefi, uefi-secure or bios
    #[arg(long, value_name = "KIND")]
    pub firmware: Option<FirmwareKind>,
    /// How the key of the run gets in: nocloud, systemd-credentials or none
    #[arg(long, value_name = "KIND")]
    pub seed: Option<SeedKind>,
    /// Who logs in
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
    /// Guest memory, such as 2GiB
    #[arg(long, value_name = "SIZE", value_parser = memory)]
    pub memory: Option<u32>,
    /// Virtual processors
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    pub cpus: Option<u32>,
    /// How the disk is attached: virtio-blk, virtio-scsi or nvme
    #[arg(long, value_name = "BUS")]
    pub bus: Option<DiskBus>,
    /// From QEMU's start to the first answer, on working KVM; emulation stretches it
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub boot_timeout: Option<Duration>,
    /// auto, kvm or tcg
    #[arg(long, value_name = "KIND", default_value = "auto", value_parser = accelerator)]
    pub accel: AccelRequest,
}

fn memory(text: &str) -> Result<u32, String> {
    let bytes = crate::suite::value::size(text).map_err(|why| why.to_string())?;
    let mib = bytes >> 20;
    u32::try_from(mib).ok().filter(|mib| *mib >= 64).ok_or_else(|| "at least 64 MiB".to_owned())
}

pub(super) fn duration(text: &str) -> Result<Duration, String> {
    crate::suite::value::duration(text).map_err(|why| why.to_string())
}

fn accelerator(text: &str) -> Result<AccelRequest, String> {
    match text {
        "auto" => Ok(AccelRequest::Auto),
        "kvm" => Ok(AccelRequest::Kvm),
        "tcg" => Ok(AccelRequest::Tcg),
        _ => Err("one of: auto, kvm, tcg".to_owned()),
    }
}

/// A run that can be started.
pub struct Prepared {
    pub project: Project,
    pub plan: Plan,
    pub specs: Vec<ImageSpec>,
    pub rerun: Rerun,
    /// Said once, before the run begins.
    pub notices: Vec<String>,
}

/// Decodes, selects and plans. Starts nothing.
pub fn prepare(selection: &Selection, options: &ImageOptions) -> Result<Prepared, Complaint> {
    let project = Project::find()?;
    let loaded = load::suites(selection, OutputFormat::Text)?;
    let mut selected = load::select(&loaded, selection)?;
    selected.remove(&(0, HEALTH));
    let mut notices = Vec::new();
    let specs = image_specs(&project, options, &mut notices)?;
    let ids = specs.iter().map(|spec| spec.id.clone()).collect();
    let typed = specs.iter().zip(&options.image).map(|(spec, typed)| (spec.id.clone(), typed.clone())).collect();
    let rerun = Rerun { options: rerun_options(selection, options), images: typed, connected: false };
    let suites: Vec<Arc<_>> = loaded.suites.into_iter().map(Arc::new).collect();
    let plan = plan::plan(&suites, &selected, ids);
    Ok(Prepared { project, plan, specs, rerun, notices })
}

fn image_specs(
    project: &Project,
    options: &ImageOptions,
    notices: &mut Vec<String>,
) -> Result<Vec<ImageSpec>, Complaint> {
    let catalogue = Catalogue::load(project)?;
    let mut specs: Vec<ImageSpec> = Vec::new();
    for name in &options.image {
        let mut spec = match catalogue.get(name) {
            Some(spec) => spec.clone(),
            None if looks_like_a_file(name) => from_file(name, options.format, notices)?,
            None => return Err(catalogue.unknown(name)),
        };
        apply(&mut spec, options);
        if specs.iter().any(|other| other.id == spec.id) {
            return Err(Complaint::invalid(format!("two images of this run are called `{}`", spec.id))
                .hint("rename one of the files, or run them one after the other"));
        }
        specs.push(spec);
    }
    Ok(specs)
}

fn looks_like_a_file(name: &str) -> bool {
    name.contains('/') || name.contains('.') || Utf8Path::new(name).exists()
}

/// A file that is in no catalogue. Its format is read from its own first bytes by us, never guessed
/// by QEMU, and said, because a raw disk whose guest wrote another format's header into it would
/// otherwise be opened as that format.
fn from_file(name: &str, stated: Option<Format>, notices: &mut Vec<String>) -> Result<ImageSpec, Complaint> {
    let path = Utf8PathBuf::from(name);
    let format = match stated {
        Some(format) => format,
        None => match super::images::runtime()?.block_on(crate::image::inspect::detect(path.as_std_path())) {
            Ok(format) => {
                notices.push(format!("{name} is taken for {format} by its first bytes; state `--format` to be sure"));
                format
            }
            // Whatever is wrong with the file is said when it is inspected.
            Err(_) => Format::Raw,
        },
    };
    Ok(ImageSpec::from_file(path.as_std_path(), format))
}

fn apply(spec: &mut ImageSpec, options: &ImageOptions) {
    let ImageOptions { format, firmware, seed, user, memory, cpus, bus, boot_timeout, .. } = options;
    if let (Some(format), DiskSource::Path(_)) = (format, &spec.disk) {
        spec.format = *format;
    }
    spec.firmware = firmware.unwrap_or(spec.firmware);
    spec.seed = seed.unwrap_or(spec.seed);
    spec.user = user.clone().unwrap_or_else(|| spec.user.clone());
    spec.memory_mib = memory.unwrap_or(spec.memory_mib);
    spec.cpus = cpus.unwrap_or(spec.cpus);
    spec.bus = bus.unwrap_or(spec.bus);
    spec.boot_timeout = boot_timeout.unwrap_or(spec.boot_timeout);
}

/// The options without which one test run again would not be the same test.
fn rerun_options(selection: &Selection, options: &ImageOptions) -> Vec<String> {
    let mut words = Vec::new();
    let mut add = |option: &str, value: String| {
        words.push(option.to_owned());
        words.push(plan::quote(&value));
    };
    for path in &selection.suites {
        add("--suites", project::short(path).to_string());
    }
    if let Some(format) = options.format {
        add("--format", format.to_string());
    }
    if let Some(firmware) = options.firmware {
        add("--firmware", firmware.to_string());
    }
    if let Some(seed) = options.seed {
        add("--seed", seed.to_string());
    }
    if let Some(user) = &options.user {
        add("--user", user.clone());
    }
    if let Some(memory) = options.memory {
        add("--memory", format!("{memory}MiB"));
    }
    if let Some(cpus) = options.cpus {
        add("--cpus", cpus.to_string());
    }
    if let Some(bus) = options.bus {
        add("--bus", bus.to_string());
    }
    if let Some(timeout) = options.boot_timeout {
        add("--boot-timeout", format!("{}ms", timeout.as_millis()));
    }
    match options.accel {
        AccelRequest::Auto => {}
        AccelRequest::Kvm => add("--accel", "kvm".into()),
        AccelRequest::Tcg => add("--accel", "tcg".into()),
    }
    words
}
