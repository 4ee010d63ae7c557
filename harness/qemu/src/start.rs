//! From a request to a running QEMU: firmware, seed, overlay, sockets, process, control connection,
//! forwarded port. What has been made is undone by its guard when a later step fails.

use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::by_hand::by_hand;
use super::command_line;
use super::description::{self, MachineDescription, Memory};
use super::firmware;
use super::last_line::last_line;
use super::machine_files::{self, Inherited, MachineFiles};
use super::meter::Meter;
use super::network::segment::Port;
use super::perf::why_not;
use super::process::{Launch, Process, Spawner};
use super::qmp::{Qmp, QmpError};
use super::running::{Parts, set_segment_link};
use super::seed::{self, Ignition, NoCloud};
use super::template::{self, Own, Template};
use super::tpm::Tpm;
use super::{Accel, AccelKind, Machine, MachineError, Network, RunKey, capsule_state, channels};
use muster_base::machine::{FirmwareKind, SeedKind};
use muster_console::rules::Rules;
use muster_console::{Console, Setting};
use muster_image::{ImageSpec, Inspected, Overlay};

/// How long QEMU may take to answer, before scaling. It answers within a tenth of it.
const ANSWER: Duration = Duration::from_secs(10);

/// What is asked for.
#[derive(Debug)]
pub struct MachineRequest<'a> {
    /// Unique in the run; a plain word, since it names a directory and the guest's host name.
    pub id: &'a str,
    /// How the image wants to be booted.
    pub spec: &'a ImageSpec,
    /// The image itself.
    pub image: &'a Inspected,
    /// What executes it.
    pub accel: &'a Accel,
    /// What the guest can reach.
    pub network: Network,
    /// Whether it has an interface for a network with other machines of its test. Its cable is out.
    pub segment: bool,
    /// The key that opens it.
    pub key: &'a RunKey,
    /// What its console is evaluated by.
    pub rules: Arc<Rules>,
    /// Whether it may be frozen into a template later; its RAM then lies in a file.
    pub freezable: bool,
    /// Whether the instructions are counted that its guest executes.
    pub metered: bool,
    /// The machine's directory; created. Gets `console.log`, `qemu.log`, `qemu-command` and `seed/`.
    pub dir: &'a Path,
}

impl Machine {
    /// Starts the machine and returns as soon as its guest executes: long before it answers SSH.
    pub async fn start(request: MachineRequest<'_>, spawner: &Spawner) -> Result<Machine, MachineError> {
        let dir = make_dir(request.dir)?;
        let accel = request.accel.for_arch(request.spec.arch);
        let mut description = describe(&request, accel.kind, &dir)?;
        let overlay = Overlay::create(request.image, &dir).await?;
        let vars = match &description.firmware {
            Some(firmware) => {
                let copied = File::open(&firmware.vars_template)
                    .and_then(|template| channels::private_copy(&template, &dir))
                    .map_err(dir_error("the firmware's variables could not be copied", &dir))?;
                Some(copied)
            }
            None => None,
        };
        let layer = overlay.into_layer();
        let (mut ram, mut state, mut blank) = (None, None, None);
        if request.freezable && description::cloneable(&description).is_ok() {
            description.memory = Memory::Shared;
            let files = dir_error("memory that can be shared", &dir);
            ram = Some(machine_files::anonymous_ram(description.memory_mib).map_err(&files)?);
            state = Some(tempfile::tempfile_in(&dir).map_err(&files)?);
            blank = Some(channels::private_copy(&layer, &dir).map_err(&files)?);
        }
        let extra = description.extra_disks.iter().map(|size| channels::empty_disk(*size, &dir));
        let extra = extra
            .collect::<std::io::Result<Vec<File>>>()
            .map_err(dir_error("an extra disk could not be made", &dir))?;
        let files = MachineFiles { description, layer, below: Vec::new(), vars, extra, ram, state, blank };
        begin(files, &dir, &accel, spawner, request.rules, request.metered).await
    }

    /// Starts a machine that goes on where the template stopped. `request` must be the template's own
    /// but for its id and directory.
    pub(crate) async fn start_clone(
        template: &Template,
        id: &str,
        dir: &Path,
        accel: &Accel,
        spawner: &Spawner,
        rules: Arc<Rules>,
    ) -> Result<Machine, MachineError> {
        let dir = make_dir(dir)?;
        let files = dir_error("the files of a clone", &dir);
        let copy = |file: &File| channels::private_copy(file, &dir).map_err(&files);
        let own = Own {
            layer: copy(&template.blank)?,
            vars: template.vars.as_ref().map(copy).transpose()?,
            extra: template.extra.iter().map(copy).collect::<Result<_, _>>()?,
        };
        let accel = accel.for_arch(template.description.arch);
        begin(template.files_of_clone(id, own)?, &dir, &accel, spawner, rules, false).await
    }
}

pub(super) fn make_dir(dir: &Path) -> Result<PathBuf, MachineError> {
    let dir = std::path::absolute(dir).map_err(dir_error("no absolute path", dir))?;
    std::fs::create_dir_all(&dir).map_err(dir_error("the machine's directory could not be made", &dir))?;
    Ok(dir)
}

/// Starts QEMU on the files, and the guest in it.
pub(super) async fn begin(
    files: MachineFiles,
    dir: &Path,
    accel: &Accel,
    spawner: &Spawner,
    rules: Arc<Rules>,
    metered: bool,
) -> Result<Machine, MachineError> {
    let socket = dir_error("no socket pair", dir);
    let (here, there) = channels::sockets().map_err(&socket)?;
    here.qmp.set_nonblocking(true).map_err(&socket)?;
    let control = tokio::net::UnixStream::from_std(here.qmp).map_err(&socket)?;
    let program = description::program(files.description.arch);
    let (tpm, tpm_control) = match files.description.tpm {
        true => Tpm::start(spawner, dir).await.map(|(tpm, control)| (Some(tpm), Some(control)))?,
        false => (None, None),
    };
    let plugged = files.description.network.plug(dir).map_err(dir_error("the network could not be made", dir))?;
    let Inherited { mut fds, mut owned } =
        files.inherit(there, tpm_control).map_err(dir_error("the machine's files could not be opened again", dir))?;
    let link = plugged.map(|plugged| {
        fds.network = Some(plugged.fds);
        owned.extend(plugged.inherit);
        plugged.link
    });
    let mut segment = None;
    if files.description.segment {
        let (port, theirs) = Port::new().map_err(dir_error("no cable to other machines", dir))?;
        fds.segment = Some(theirs.as_raw_fd());
        owned.push(theirs);
        segment = Some(port);
    }
    let mut meter = None;
    if metered && accel.kind == AccelKind::Tcg {
        let (counting, plug) = Meter::start().map_err(dir_error("instructions cannot be counted", dir))?;
        fds.meter = Some((plug.plugin.as_raw_fd(), plug.socket.as_raw_fd()));
        owned.extend([plug.plugin, plug.socket]);
        meter = Some(counting);
    }
    let arguments = command_line::command_line(&files.description, &fds);
    let script = format!(
        "{}\n# As it was started, with descriptors that only its parent had:\n# {}\n",
        by_hand(&files.description),
        command_line::shell_line(program, &arguments)
    );
    std::fs::write(dir.join("qemu-command"), script).map_err(dir_error("qemu-command could not be written", dir))?;

    let log = dir.join("qemu.log");
    let create = |name: &str| File::create(dir.join(name)).map_err(dir_error("a log could not be made", dir));
    let (qemu_log, console_log) = (create("qemu.log")?, create("console.log")?);
    let setting = Setting { rules, emulated: accel.kind == AccelKind::Tcg, resets_watched: true };
    let console =
        Console::start(here.serial, console_log, setting).map_err(dir_error("the console has no reader", dir))?;
    let launch =
        Launch { program: program.to_owned(), arguments, directory: dir.to_owned(), log: qemu_log, inherit: owned };
    tracing::debug!(
        machine = %files.description.id,
        memory = ?files.description.memory,
        command = %command_line::for_log(program, &launch.arguments),
        "QEMU starts"
    );
    let started = Instant::now();
    let mut process = spawner.spawn(launch).await.map_err(|source| MachineError::of_spawn(program, source))?;

    if metered && accel.kind == AccelKind::Kvm {
        // Before QEMU has started the threads of its processors. What cannot be counted is missing in what is measured, with the reason.
        match Meter::of_process(process.pid()) {
            Ok(counting) => meter = Some(counting),
            Err(error) => tracing::debug!(machine = %files.description.id, why = why_not(&error), "not counted"),
        }
    }
    tracing::debug!(machine = %files.description.id, pid = process.pid(), "QEMU runs");
    let deadline = accel.scaled(ANSWER);
    let answer = async {
        let (qmp, events) = Qmp::connect(control, deadline).await?;
        let refused = |error: template::ThawError| QmpError::Refused {
            command: "migrate-incoming".to_owned(),
            reason: error.to_string(),
        };
        match files.description.memory {
            Memory::Cloned => template::thaw(&qmp, accel.deadline_scale).await.map_err(refused)?,
            Memory::Resumed => {
                capsule_state::thaw(&qmp, files.description.memory_mib, accel.deadline_scale).await.map_err(refused)?;
            }
            Memory::Private | Memory::Shared if files.description.segment => {
                // What manages interfaces leaves one without a cable alone, and does not wait for its address.
                set_segment_link(&qmp, false, deadline).await?;
            }
            Memory::Private | Memory::Shared => {}
        }
        let port = qmp.forwarded_port(22, deadline).await?;
        if files.description.memory.is_incoming() {
            qmp.execute("cont", serde_json::json!({}), deadline).await?;
        }
        Ok::<_, QmpError>((qmp, events, port))
    };
    let (qmp, events, port) = match answer.await {
        Ok(answer) => answer,
        Err(error) => {
            let error = silent(&mut process, error, &log).await;
            tracing::debug!(machine = %files.description.id, %error, "QEMU does not answer");
            return Err(error);
        }
    };
    tracing::debug!(machine = %files.description.id, port, took = ?started.elapsed(), "the guest executes");
    Ok(Machine::new(Parts {
        port,
        console,
        meter,
        process,
        qmp,
        events,
        started,
        scale: accel.deadline_scale,
        log,
        warm: here.warm,
        files,
        tpm,
        link,
        segment,
    }))
}

/// Why QEMU does not answer: mostly because it has ended, and then its own words say why.
async fn silent(process: &mut Process, error: QmpError, log: &Path) -> MachineError {
    // A closed connection comes a moment before the end of the process.
    match tokio::time::timeout(Duration::from_secs(2), process.wait()).await {
        Ok(Ok(status)) => MachineError::Refused {
            status: status.to_string(),
            message: last_line(log).unwrap_or_else(|| "it said nothing".to_owned()),
            log: log.to_owned(),
        },
        _ => MachineError::Silent { reason: error.to_string(), log: log.to_owned() },
    }
}

/// What will run, without what is a machine's own: its name, its seed, the key that opens it.
pub(super) fn unseeded(
    spec: &ImageSpec,
    image: &Inspected,
    accel: AccelKind,
    network: Network,
    segment: bool,
) -> Result<MachineDescription, MachineError> {
    let firmware = match spec.firmware {
        FirmwareKind::Bios => None,
        FirmwareKind::Uefi => Some(firmware::find(spec.arch, false)?),
        FirmwareKind::UefiSecure => Some(firmware::find(spec.arch, true)?),
    };
    Ok(MachineDescription {
        id: String::new(),
        accel,
        arch: spec.arch,
        memory_mib: spec.memory_mib,
        cpus: spec.cpus,
        cpu: spec.cpu.clone(),
        base: image.path.clone(),
        base_format: image.format,
        bus: spec.bus,
        extra_disks: spec.extra_disks.clone(),
        firmware,
        kernel: spec.kernel.clone(),
        tpm: spec.tpm,
        seed_disk: None,
        ignition: None,
        smbios: spec.smbios.clone(),
        network,
        nics: spec.nics,
        segment,
        memory: Memory::Private,
    })
}

/// The pure description of what will run, and its seed written to disk.
fn describe(request: &MachineRequest<'_>, accel: AccelKind, dir: &Path) -> Result<MachineDescription, MachineError> {
    let spec = request.spec;
    let mut description = unseeded(spec, request.image, accel, request.network, request.segment)?;
    description.id = request.id.to_owned();
    match spec.seed {
        SeedKind::NoCloud => {
            let seed = NoCloud {
                instance_id: format!("{}-{}", request.id, fresh()),
                hostname: request.id.to_owned(),
                user: spec.user.clone(),
                public_key: request.key.public.clone(),
            };
            description.seed_disk = Some(seed.write(&dir.join("seed"))?);
        }
        SeedKind::Ignition => {
            let seed = Ignition { user: spec.user.clone(), public_key: request.key.public.clone() };
            description.ignition = Some(seed.write(&dir.join("seed"))?);
        }
        SeedKind::SystemdCredentials => description.smbios.push(seed::credential(&request.key.public)),
        SeedKind::None => {}
    }
    Ok(description)
}

/// A word that no earlier machine had.
fn fresh() -> String {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    format!("{:x}-{:x}", since.as_nanos(), std::process::id())
}

pub(super) fn dir_error<'a>(what: &'static str, dir: &'a Path) -> impl Fn(std::io::Error) -> MachineError + 'a {
    move |source| MachineError::Dir { what, dir: dir.to_owned(), source }
}
