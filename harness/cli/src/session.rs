//! What `muster run` and `muster test` share: from what was typed to a plan, images and a host.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use super::again::{Again, Wanted};
use super::catalogue::{Catalogue, caution};
use super::deciding;
use super::error::CliError;
use super::image_file::{is_address, not_fetched};
use super::load::{self, Selected, Selection};
use super::output::OutputFormat;
use super::project::Project;
use super::shard::Tests;
use muster_base::exit::Exit;
use muster_base::machine::{Arch, DiskBus, FirmwareKind, Format, SeedKind};
use muster_base::text::shell_word;
use muster_engine::claims::Claims;
use muster_engine::known::KnownIssues;
use muster_engine::plan::{self, Plan};
use muster_engine::prove::{self, Proofs};
use muster_engine::rerun::Rerun;
use muster_engine::settings::KeptResults;
use muster_image::{DiskSource, ImageError, ImageSpec, KernelBoot};
use muster_qemu::AccelRequest;
use muster_record::deciding::{DecidingFile, IMAGE_DESCRIPTION};
use muster_record::run::ImageRecord;
use muster_record::shard::ShardRecord;
use muster_suite::model::Suite;
use muster_suite::select::TestIndex;
use muster_suite::value::{ValueError, show_duration};

/// Which images, and how they are booted.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct ImageOptions {
    /// An image of the catalogue, or a disk file; may be repeated
    #[arg(long = "image", value_name = "NAME|FILE", default_value = "lab")]
    pub image: Vec<String>,
    #[command(flatten)]
    pub machine: MachineOptions,
}

/// How an image is booted: the options that every command takes which boots one. `muster compare` takes each of
/// them for both systems or for one of them ([`super::compare`]).
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct MachineOptions {
    /// Format of disk files [default: by the file's own magic bytes, which is then reported]
    #[arg(long, aliases = EARLIER_NAMES, value_name = "FORMAT")]
    pub image_format: Option<Format>,
    /// uefi, uefi-secure or bios [default: as the catalogue has it; uefi for a file]
    #[arg(long, value_name = "KIND")]
    pub firmware: Option<FirmwareKind>,
    /// The processor the image is made for: x86_64 or aarch64 [default: as the catalogue has it; x86_64 for a file]
    #[arg(long, value_name = "ARCH")]
    pub arch: Option<Arch>,
    /// A TPM 2.0, emulated by swtpm [default: as the catalogue has it; false for a file]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub tpm: Option<bool>,
    /// A kernel that is loaded without a boot loader; a root file system as tar that brings none needs one [default: none; the
    /// disk's own boot loader starts]
    #[arg(long, value_name = "FILE", requires = "cmdline")]
    pub kernel: Option<Utf8PathBuf>,
    /// Its initial RAM disk [default: none]
    #[arg(long, value_name = "FILE", requires = "kernel")]
    pub initrd: Option<Utf8PathBuf>,
    /// Its command line, such as `root=/dev/vda rw console=ttyS0` [default: none; --kernel needs one]
    #[arg(long, value_name = "OPTIONS", requires = "kernel")]
    pub cmdline: Option<String>,
    /// How the SSH key of the run gets into the guest: nocloud, ignition, systemd-credentials or none [default: as the
    /// catalogue has it; nocloud for a file]
    #[arg(long, value_name = "KIND")]
    pub seed: Option<SeedKind>,
    /// Who logs in by SSH; with nocloud the seed gives this account the key, and makes it where the image has none [default: as the
    /// catalogue has it; root for a file]
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
    /// Memory of each guest, such as 2GiB [default: as the catalogue has it; 1GiB for a file]
    #[arg(long = "guest-memory", value_name = "SIZE", value_parser = memory)]
    pub memory: Option<u32>,
    /// Virtual processors [default: as the catalogue has it; 2 for a file]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    pub cpus: Option<u32>,
    /// How the disk is attached: virtio-blk, virtio-scsi, nvme or sata [default: as the catalogue has it; virtio-blk for a file]
    #[arg(long, value_name = "BUS")]
    pub bus: Option<DiskBus>,
    /// An empty disk in addition, such as 1GiB; may be repeated [default: as the catalogue has it; none for a file]
    #[arg(long = "extra-disk", value_name = "SIZE", value_parser = muster_suite::images::extra_disk)]
    pub extra_disks: Vec<u64>,
    /// Network interfaces; each after the first is a network of its own [default: as the catalogue has it; 1 for a file]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(ImageSpec::MAX_DEVICES)))]
    pub nics: Option<u32>,
    /// From QEMU's start to the first answer, on working KVM; emulation extends it [default: as the catalogue has it; 2m for a
    /// file]
    #[arg(long, value_name = "DURATION", value_parser = muster_suite::value::duration)]
    pub boot_timeout: Option<Duration>,
    /// auto, kvm or tcg
    #[arg(long, value_name = "KIND", default_value = "auto")]
    pub accel: AccelRequest,
}

/// What `--image-format` was called before, and is still taken for it where no other option is called so.
pub(crate) const EARLIER_NAMES: [&str; 2] = ["format", DISK_FORMAT];
/// The one of these that is none of an output anywhere.
pub(crate) const DISK_FORMAT: &str = "disk-format";

/// A size in MiB, at least 64.
pub(crate) fn memory(text: &str) -> Result<u32, ValueError> {
    let mib = muster_suite::value::memory(text)? >> 20;
    let enough = u32::try_from(mib).ok().filter(|mib| *mib >= 64);
    enough.ok_or_else(|| ValueError::Invalid("at least 64 MiB".to_owned()))
}

/// A run that can be started.
pub(crate) struct Prepared {
    pub project: Project,
    pub plan: Plan,
    pub specs: Vec<ImageSpec>,
    pub rerun: Rerun,
    /// What the makers of the images claim of them.
    pub claims: Claims,
    /// How a person enters a new machine of an image, by its id.
    pub enter: BTreeMap<String, String>,
    /// Which part of a run it is.
    pub shard: Option<ShardRecord>,
    /// Failures that are documented.
    pub known: KnownIssues,
    /// Tests that must fail.
    pub proofs: Proofs,
    /// Results of earlier runs that belong to this one.
    pub kept: KeptResults,
    /// What images must be, by id.
    pub expected: BTreeMap<String, ImageRecord>,
    /// Files that decide on results: those that were given, known issues, and descriptions of images.
    pub files: Vec<DecidingFile>,
    /// Said once, before the run begins.
    pub notices: Vec<String>,
}

/// Decodes, selects and plans. Starts nothing.
/// `known_issues` are files in addition to those that lie in directories of suites; with `proofs`, each selected
/// test is asked a second time on a guest on which it must fail. `given` are files that decide on results, of other options.
pub(crate) fn prepare(
    selection: &Selection,
    options: &ImageOptions,
    known_issues: &[Utf8PathBuf],
    proofs: Option<&[Utf8PathBuf]>,
    given: Vec<DecidingFile>,
) -> Result<Prepared, CliError> {
    let project = Project::find()?;
    let loaded = load::suites(selection, OutputFormat::Text)?;
    let mut selected = load::select(&loaded, selection)?;
    let not_meant = load::not_meant(&loaded, selection, &selected);
    let (known, mut notices) = load::known_issues(&loaded, selection, known_issues)?;
    notices.extend(not_meant);
    notices.extend(selection.sent.as_ref().map(|sent| sent.compare(&loaded.suites)).transpose()?);
    let catalogue = Catalogue::load(&project)?;
    let specs = image_specs(&project, &catalogue, options, &mut notices)?;
    let claims = claims(&catalogue, &specs, &options.image);
    let mut files = given;
    files.extend(deciding::known_issues(&known)?);
    let descriptions = options.image.iter().filter_map(|name| Some(&*catalogue.entry(name)?.location.file));
    files.extend(deciding::read(IMAGE_DESCRIPTION, descriptions.map(Utf8Path::new))?);
    let ids: Vec<String> = specs.iter().map(|spec| spec.id.clone()).collect();
    let typed: BTreeMap<String, String> =
        specs.iter().zip(&options.image).map(|(spec, typed)| (spec.id.clone(), typed.clone())).collect();
    let enter = typed.iter().map(|(id, typed)| (id.clone(), enter_command(typed, &options.machine))).collect();
    let (shard, mine) = match &selection.shard {
        Some(chosen) => {
            let division = chosen.division(&loaded.suites, &selected.tests, &ids)?;
            let part = chosen.part(&division)?;
            notices.push(chosen.notice(&division, part));
            (Some(division.record(chosen.shard)), Some(part.tests.clone()))
        }
        None => (None, None),
    };
    let again = selection.again.as_deref().map(|again| again.clone().with_files(&files, &ids)).transpose()?;
    let wanted = restrict(again.as_ref(), &loaded.suites, &mut selected, &ids, mine.as_ref())?;
    let mut rerun = Rerun { options: rerun_options(selection, &options.machine), images: typed, ..Rerun::default() };
    let prove = proofs.is_some();
    let mut made = match proofs {
        Some(paths) => Some(load::proofs(&loaded, selection, &selected.tests, paths)?),
        None => None,
    };
    let proofs = made.as_mut().map(|made| std::mem::take(&mut made.proofs)).unwrap_or_default();
    if !proofs.is_empty() {
        let text = "each changes a guest of its own and must make its test fail";
        notices.push(format!("{} proof{}: {text}", proofs.len(), muster_base::text::plural(proofs.len())));
    }
    let changed = made.map(|made| made.suites).unwrap_or_default();
    let first = loaded.suites.len();
    let all = |(at, suite): (usize, &Suite)| TestIndex::all_of(first + at, &suite.tests);
    let proving: Vec<TestIndex> = changed.iter().enumerate().flat_map(all).collect();
    let suites: Vec<Arc<_>> = loaded.suites.into_iter().chain(changed).map(Arc::new).collect();
    let (plan, kept, expected) = match (&again, wanted) {
        (Some(again), Some(mut wanted)) => {
            wanted.tests.values_mut().for_each(|tests| tests.extend(&proving));
            let images = ids.iter().filter(|image| wanted.tests.contains_key(*image)).cloned().collect();
            let plan = plan::plan_each(&suites, &wanted.tests, images);
            let kept = again.join(&plan, &mut rerun);
            let original = |planned: &&plan::Planned| !planned.suite.name.starts_with(prove::PREFIX);
            let of =
                |image: &String| plan.groups_of(image).iter().flat_map(|group| &group.tests).filter(original).count();
            let health = usize::from(again.wants_health(Some(&plan.images)));
            let planned = plan.images.iter().map(of).sum::<usize>() + health;
            notices.push(again.notice(&wanted, planned, &ids, prove, &kept)?);
            files.extend(again.descriptions_of(&kept, &files));
            let expected = again.expected(&kept);
            (plan, kept, expected)
        }
        _ if mine.is_some() => {
            let mine = mine.unwrap_or_default();
            let images = ids.into_iter().filter(|image| mine.contains_key(image)).collect();
            (plan::plan_each(&suites, &mine, images), KeptResults::default(), BTreeMap::new())
        }
        _ => {
            selected.tests.extend(proving);
            (plan::plan(&suites, &selected.tests, ids), KeptResults::default(), BTreeMap::new())
        }
    };
    Ok(Prepared { project, plan, specs, rerun, claims, enter, shard, known, proofs, kept, expected, files, notices })
}

/// Of the selected tests, those that run on each image when the run goes on with an earlier one; the selection becomes
/// theirs. Without one all run. An error that ends the command as the earlier results say when none is to run.
pub(crate) fn restrict(
    again: Option<&Again>,
    suites: &[Suite],
    selected: &mut Selected,
    images: &[String],
    shard: Option<&Tests>,
) -> Result<Option<Wanted>, CliError> {
    let Some(again) = again else { return Ok(None) };
    let wanted = again.wanted(suites, &selected.tests, images, shard);
    if wanted.tests.is_empty() && !again.brings_to_an_end() {
        again.same_images(images)?;
        // What has a result there may have none here.
        again.can_be_kept()?;
        return Err(again.nothing_to_run());
    }
    selected.tests = wanted.tests.values().flatten().copied().collect();
    Ok(Some(wanted))
}

/// The images that were typed, and how they are booted; what is to be said about them once.
pub(crate) fn image_specs(
    project: &Project,
    catalogue: &Catalogue,
    options: &ImageOptions,
    notices: &mut Vec<String>,
) -> Result<Vec<ImageSpec>, CliError> {
    let specs = described(catalogue, options, notices, |_| Ok(true))?;
    preflight(project, catalogue, &specs, options)?;
    Ok(specs)
}

/// The same, of which nothing is read but the first bytes of disk files, for their format. `is_read` says of a file that was typed
/// whether even these are: not of one that another host has.
pub(crate) fn described(
    catalogue: &Catalogue,
    options: &ImageOptions,
    notices: &mut Vec<String>,
    mut is_read: impl FnMut(&Utf8Path) -> Result<bool, CliError>,
) -> Result<Vec<ImageSpec>, CliError> {
    let mut specs: Vec<ImageSpec> = Vec::new();
    for name in &options.image {
        let mut spec = match catalogue.get(name) {
            Some(spec) => {
                notices.extend(catalogue.entry(name).and_then(caution));
                spec.clone()
            }
            None if is_address(name) => return Err(not_fetched(name)),
            None if looks_like_a_file(name) && !is_misspelt(name, catalogue) => {
                let (path, stated) = (Utf8Path::new(name), options.machine.image_format);
                match is_read(path)? {
                    true => from_file(name, stated, notices)?,
                    false => ImageSpec::from_file(path.as_std_path(), stated.unwrap_or(Format::Raw)),
                }
            }
            None => return Err(catalogue.unknown(name)),
        };
        apply(&mut spec, &options.machine)?;
        if specs.iter().any(|other| other.id == spec.id) {
            return Err(CliError::invalid(format!("two images of this run are called `{}`", spec.id))
                .hint("rename one of the files, or run them one after the other"));
        }
        specs.push(spec);
    }
    Ok(specs)
}

/// What the makers of the images claim of them. A file that was typed has no entry, whatever it is called.
fn claims(catalogue: &Catalogue, specs: &[ImageSpec], typed: &[String]) -> Claims {
    let of = |(spec, name): (&ImageSpec, &String)| Some((spec.id.clone(), catalogue.entry(name)?.claims.clone()));
    specs.iter().zip(typed).filter_map(of).collect()
}

/// The ids that images have in a run, of what is typed for them: nothing is looked at but the catalogue.
pub(crate) fn image_ids(project: &Project, typed: &[String]) -> Result<Vec<String>, CliError> {
    let catalogue = Catalogue::load(project)?;
    let id = |name: &String| match catalogue.get(name) {
        Some(spec) => Ok(spec.id.clone()),
        None if is_address(name) => Err(not_fetched(name)),
        None if looks_like_a_file(name) && !is_misspelt(name, &catalogue) => {
            Ok(ImageSpec::from_file(Utf8Path::new(name).as_std_path(), Format::Raw).id)
        }
        None => Err(catalogue.unknown(name)),
    };
    typed.iter().map(id).collect()
}

/// What is loaded in place of boot loaders for any of these images.
pub(crate) fn loaded(project: &Project, specs: &[ImageSpec]) -> Result<Vec<DecidingFile>, CliError> {
    let (runtime, root) = (super::event_loop::runtime()?, project.root().as_std_path());
    let mut files = Vec::new();
    for spec in specs {
        files.extend(runtime.block_on(muster_image::loaded(root, spec))?);
    }
    Ok(files)
}

/// What can be known before a boot: that files are there and of their format, and that this host has what the machines
/// need. One error for each cause, whatever the number of tests.
fn preflight(
    project: &Project,
    catalogue: &Catalogue,
    specs: &[ImageSpec],
    options: &ImageOptions,
) -> Result<(), CliError> {
    let mut faults: Vec<CliError> = Vec::new();
    let mut unpacked: u64 = 0;
    for (spec, name) in specs.iter().zip(&options.image) {
        match super::event_loop::runtime()?.block_on(muster_image::preflight(project.root().as_std_path(), spec)) {
            Ok(bytes) => unpacked = unpacked.saturating_add(bytes),
            Err(error) => {
                let entry = || catalogue.entry(name).map(|entry| (entry.location.to_string(), "in this entry"));
                let named = match &error {
                    ImageError::Missing { .. } => entry(),
                    // A kernel that was typed stands in place of the entry's.
                    ImageError::BootFileMissing { option, .. } if options.machine.kernel.is_some() => {
                        Some((format!("--{option}"), "there"))
                    }
                    ImageError::BootFileMissing { .. } => entry(),
                    _ => None,
                };
                let error = CliError::from(error);
                faults.push(match named {
                    Some((by, place)) => {
                        error.hint(format!("{by} names it: put the file there, or change the path {place}"))
                    }
                    None => error,
                });
            }
        }
        faults.extend(muster_qemu::preflight(spec).into_iter().map(CliError::from));
    }
    if let Some(cache) = muster_image::cache_dir() {
        faults.extend(muster_qemu::room_to_unpack(&cache, unpacked).map(CliError::from));
    }
    faults.dedup_by(|later, first| later.what == first.what);
    // What this host lacks is not the fault of what was typed.
    let exit = if faults.iter().any(|fault| fault.exit == Exit::Error) { Exit::Error } else { Exit::Invalid };
    // Where something else is wrong as well, another image would not help.
    let of_image = faults.iter().all(CliError::is_of_image);
    let Some(last) = faults.pop() else { return Ok(()) };
    faults.iter().for_each(CliError::show);
    Err(CliError { exit, id: last.id.filter(|_| of_image), ..last })
}

/// Whether a directory in which machines are to lie, which need not exist yet, has room for one.
pub(crate) fn room(dir: &Utf8Path) -> Result<(), CliError> {
    muster_qemu::room_for_a_machine(dir.as_std_path()).map_or(Ok(()), |error| Err(error.into()))
}

fn looks_like_a_file(name: &str) -> bool {
    name.contains('/') || name.contains('.') || Utf8Path::new(name).exists()
}

/// Whether a name with a dot is that of an image and not of a file: `fedora-43.0`.
fn is_misspelt(name: &str, catalogue: &Catalogue) -> bool {
    !name.contains('/') && !Utf8Path::new(name).exists() && catalogue.near(name).is_some()
}

/// A file that is in no catalogue. Its format is read from its own first bytes by us, never guessed
/// by QEMU, and said, because a raw disk whose guest wrote another format's header into it would
/// otherwise be opened as that format.
fn from_file(name: &str, stated: Option<Format>, notices: &mut Vec<String>) -> Result<ImageSpec, CliError> {
    let path = Utf8PathBuf::from(name);
    let format = match stated {
        Some(format) => format,
        None => match super::event_loop::runtime()?.block_on(muster_image::inspect::guess(path.as_std_path())) {
            Ok((format, how)) => {
                notices.push(format!("{name} is taken for {format} {how}; state `--image-format` to be sure"));
                format
            }
            Err(error @ muster_image::ImageError::Unnamed { .. }) => {
                return Err(CliError::from(error).hint("state `--image-format`, such as `--image-format raw`"));
            }
            Err(error @ (muster_image::ImageError::NoDisk { .. } | muster_image::ImageError::Misnamed { .. })) => {
                return Err(error.into());
            }
            // Whatever else is wrong with the file is said when it is inspected.
            Err(_) => Format::Raw,
        },
    };
    Ok(ImageSpec::from_file(path.as_std_path(), format))
}

/// What an option changes of an image.
type Change<'o> = Box<dyn Fn(&mut ImageSpec) -> Result<(), CliError> + 'o>;

/// An option that was given: how it is typed again, and what it changes of an image.
struct Stated<'o> {
    typed: Vec<String>,
    change: Change<'o>,
}

impl<'o> Stated<'o> {
    fn new(option: &str, value: &str, change: impl Fn(&mut ImageSpec) -> Result<(), CliError> + 'o) -> Self {
        Self { typed: vec![option.to_owned(), shell_word(value)], change: Box::new(change) }
    }

    /// One that sets something of an image.
    fn set(option: &str, value: impl ToString, set: impl Fn(&mut ImageSpec) + 'o) -> Self {
        let change = move |spec: &mut ImageSpec| {
            set(spec);
            Ok(())
        };
        Self::new(option, &value.to_string(), change)
    }

    /// One that changes nothing of an image: what it says belongs to another option, or to the host.
    fn alone(option: &str, value: impl ToString) -> Self {
        Self::set(option, value, |_| ())
    }
}

impl MachineOptions {
    /// All that were given, in the order in which they are typed again.
    fn stated(&self) -> Vec<Stated<'_>> {
        // Without `..`, so that an option that is added cannot be forgotten here.
        let Self {
            image_format,
            firmware,
            arch,
            tpm: tpm_option,
            kernel,
            initrd,
            cmdline,
            seed,
            user,
            memory,
            cpus,
            bus,
            extra_disks,
            nics,
            boot_timeout,
            accel,
        } = self;
        let extra_disk = |size: &u64| {
            Stated::new("--extra-disk", &format!("{size}B"), |spec| replace_extra_disks(spec, extra_disks))
        };
        let boot = |kernel| {
            let change = move |spec: &mut ImageSpec| boot_kernel(spec, kernel, initrd.as_deref(), cmdline.as_deref());
            Stated::new("--kernel", kernel.as_str(), change)
        };
        let format_of_files = |spec: &mut ImageSpec, format| {
            if let DiskSource::Path(_) = spec.disk {
                spec.format = format;
            }
        };
        // An optional value must be written with its option.
        let tpm = |on: bool| Stated { typed: vec![format!("--tpm={on}")], ..Stated::set("", on, move |s| s.tpm = on) };
        let one_each = [
            image_format.map(|it| Stated::set("--image-format", it, move |spec| format_of_files(spec, it))),
            firmware.map(|it| Stated::set("--firmware", it, move |spec| spec.firmware = it)),
            arch.map(|it| Stated::set("--arch", it, move |spec| spec.arch = it)),
            kernel.as_deref().map(boot),
            initrd.as_ref().map(|it| Stated::alone("--initrd", it)),
            cmdline.as_ref().map(|it| Stated::alone("--cmdline", it)),
            nics.map(|it| Stated::set("--nics", it, move |spec| spec.nics = it)),
            seed.map(|it| Stated::set("--seed", it, move |spec| spec.seed = it)),
            user.as_ref().map(|it| Stated::set("--user", it, move |spec| spec.user.clone_from(it))),
            memory.map(|it| Stated::set("--guest-memory", format!("{it}MiB"), move |spec| spec.memory_mib = it)),
            cpus.map(|it| Stated::set("--cpus", it, move |spec| spec.cpus = it)),
            bus.map(|it| Stated::set("--bus", it, move |spec| spec.bus = it)),
            boot_timeout.map(|it| {
                Stated::set("--boot-timeout", show_duration(it).replace(' ', ""), move |spec| spec.boot_timeout = it)
            }),
            (*accel != AccelRequest::Auto).then(|| Stated::alone("--accel", accel)),
            tpm_option.map(tpm),
        ];
        extra_disks.iter().map(extra_disk).chain(one_each.into_iter().flatten()).collect()
    }
}

fn replace_extra_disks(spec: &mut ImageSpec, sizes: &[u64]) -> Result<(), CliError> {
    if sizes.len() > ImageSpec::MAX_DEVICES as usize {
        return Err(CliError::invalid(format!("a machine has at most {} extra disks", ImageSpec::MAX_DEVICES)));
    }
    spec.extra_disks = sizes.to_vec();
    Ok(())
}

/// Its files are relative to where the person stands, also for lab images.
fn boot_kernel(
    spec: &mut ImageSpec,
    kernel: &Utf8Path,
    initrd: Option<&Utf8Path>,
    cmdline: Option<&str>,
) -> Result<(), CliError> {
    let Some(cmdline) = cmdline else { return Ok(()) };
    let here = |path: &Utf8Path| {
        std::path::absolute(path).map_err(|error| CliError::invalid(format!("{path}: no absolute path: {error}")))
    };
    let initrd = initrd.map(here).transpose()?;
    spec.kernel = Some(KernelBoot { image: here(kernel)?, initrd, cmdline: cmdline.to_owned() });
    Ok(())
}

fn apply(spec: &mut ImageSpec, options: &MachineOptions) -> Result<(), CliError> {
    options.stated().iter().try_for_each(|stated| (stated.change)(spec))
}

/// The command line that enters a new machine of an image.
pub(crate) fn enter_command(image: &str, options: &MachineOptions) -> String {
    let fixed = ["muster", "boot"].map(str::to_owned).into_iter();
    let typed = options.stated().into_iter().flat_map(|stated| stated.typed);
    fixed.chain(typed).chain(["--image".to_owned(), shell_word(image)]).collect::<Vec<_>>().join(" ")
}

/// The options without which one test run again would not be the same test.
pub(crate) fn rerun_options(selection: &Selection, options: &MachineOptions) -> Vec<String> {
    let suite = |path: Utf8PathBuf| ["--suites".to_owned(), shell_word(path.as_str())];
    let suites = selection.shown_suites().into_iter().flat_map(suite);
    suites.chain(options.stated().into_iter().flat_map(|stated| stated.typed)).collect()
}
