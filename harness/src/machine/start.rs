//! From a request to a running QEMU: firmware, seed, overlay, sockets, process, control connection,
//! forwarded port. What has been made is undone by its guard when a later step fails.

use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::command_line::{self, Fds, MachineDescription, PROGRAM};
use super::console::Console;
use super::firmware::{self, Firmware};
use super::living::{Parts, last_line};
use super::process::{Launch, Process, Spawner};
use super::qmp::{Qmp, QmpError};
use super::seed::{self, NoCloud};
use super::{Accel, AccelKind, Machine, MachineError, Network, RunKey, wiring};
use crate::image::{FirmwareKind, ImageSpec, Inspected, Overlay, SeedKind};

/// How long QEMU may take to answer, before scaling. It answers within a tenth of it.
const ANSWER: Duration = Duration::from_secs(10);

/// What is asked for.
#[derive(Debug)]
pub struct MachineRequest<'a> {
    /// Unique in the run; a plain word, since it names a folder and the guest's host name.
    pub id: &'a str,
    /// How the image wants to be booted.
    pub spec: &'a ImageSpec,
    /// The image itself.
    pub image: &'a Inspected,
    /// What executes it.
    pub accel: &'a Accel,
    /// What the guest can reach.
    pub network: Network,
    /// The key that opens it.
    pub key: &'a RunKey,
    /// The machine's folder; created. Gets `console.log`, `qemu.log`, `qemu-command` and `seed/`.
    pub folder: &'a Path,
}

impl Machine {
    /// Starts the machine and returns as soon as its guest executes: long before it answers SSH.
    pub async fn start(request: MachineRequest<'_>, spawner: &Spawner) -> Result<Machine, MachineError> {
        let folder = std::path::absolute(request.folder).map_err(folder_error("no absolute path", request.folder))?;
        std::fs::create_dir_all(&folder).map_err(folder_error("the machine's folder could not be made", &folder))?;
        let (description, firmware) = describe(&request, &folder)?;

        let overlay = Overlay::create(request.image, &folder).await?;
        let vars = match &firmware {
            Some(firmware) => Some(
                wiring::private_copy(&firmware.vars_template, &folder)
                    .map_err(folder_error("the firmware's variables could not be copied", &folder))?,
            ),
            None => None,
        };
        let socket = folder_error("no socket pair", &folder);
        let (serial, serial_there) = wiring::socket_pair().map_err(&socket)?;
        let (control, control_there) = wiring::socket_pair().map_err(&socket)?;
        control.set_nonblocking(true).map_err(&socket)?;
        let control = tokio::net::UnixStream::from_std(control).map_err(&socket)?;

        let plugged = request.network.plug(&folder).map_err(folder_error("the network could not be made", &folder))?;

        let (layer, base) = overlay.into_fds();
        let fds = Fds {
            layer: layer.as_raw_fd(),
            base: base.as_raw_fd(),
            vars: vars.as_ref().map(AsRawFd::as_raw_fd),
            serial: serial_there.as_raw_fd(),
            qmp: control_there.as_raw_fd(),
            network: plugged.as_ref().map(|plugged| plugged.fds),
        };
        let arguments = command_line::command_line(&description, &fds);
        let script = format!(
            "{}\n# As it was started, with descriptors that only its parent had:\n# {}\n",
            command_line::by_hand(&description),
            command_line::shell_line(&arguments)
        );
        std::fs::write(folder.join("qemu-command"), script)
            .map_err(folder_error("qemu-command could not be written", &folder))?;

        let log = folder.join("qemu.log");
        let create =
            |name: &str| File::create(folder.join(name)).map_err(folder_error("a log could not be made", &folder));
        let (qemu_log, console_log) = (create("qemu.log")?, create("console.log")?);
        let emulated = request.accel.kind == AccelKind::Tcg;
        let console = Console::start(serial, console_log, emulated)
            .map_err(folder_error("the console has no reader", &folder))?;
        let mut inherit: Vec<OwnedFd> = vec![layer, base, serial_there, control_there];
        inherit.extend(vars.map(OwnedFd::from));
        let cable = plugged.map(|plugged| {
            inherit.extend(plugged.inherit);
            plugged.cable
        });
        let launch =
            Launch { program: PROGRAM.to_owned(), arguments, directory: folder.clone(), log: qemu_log, inherit };
        let started = Instant::now();
        let mut process = spawner.spawn(launch).await.map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => MachineError::NotInstalled { program: PROGRAM.to_owned() },
            _ => MachineError::Spawn { source },
        })?;

        let deadline = request.accel.scaled(ANSWER);
        let answer = async {
            let (qmp, events) = Qmp::connect(control, deadline).await?;
            let port = qmp.forwarded_port(22, deadline).await?;
            Ok::<_, QmpError>((qmp, events, port))
        };
        let (qmp, events, port) = match answer.await {
            Ok(answer) => answer,
            Err(error) => return Err(silent(&mut process, error, &log).await),
        };
        Ok(Machine::new(Parts {
            id: request.id.to_owned(),
            port,
            console,
            process,
            qmp,
            events,
            started,
            scale: request.accel.deadline_scale,
            log,
            cable,
        }))
    }
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

/// The pure description of what will run, and its seed written to disk.
fn describe(
    request: &MachineRequest<'_>,
    folder: &Path,
) -> Result<(MachineDescription, Option<Firmware>), MachineError> {
    let spec = request.spec;
    let firmware = match spec.firmware {
        FirmwareKind::Bios => None,
        FirmwareKind::Uefi => Some(firmware::find(false)?),
        FirmwareKind::UefiSecure => Some(firmware::find(true)?),
    };
    let mut seed_disk: Option<PathBuf> = None;
    let mut smbios = spec.smbios.clone();
    match spec.seed {
        SeedKind::NoCloud => {
            let seed = NoCloud {
                instance_id: format!("{}-{}", request.id, fresh()),
                hostname: request.id.to_owned(),
                user: spec.user.clone(),
                public_key: request.key.public.clone(),
            };
            seed_disk = Some(seed.write(&folder.join("seed"))?);
        }
        SeedKind::SystemdCredentials => smbios.push(seed::credential(&request.key.public)),
        SeedKind::None => {}
    }
    let description = MachineDescription {
        id: request.id.to_owned(),
        accel: request.accel.kind,
        memory_mib: spec.memory_mib,
        cpus: spec.cpus,
        base: request.image.path.clone(),
        base_format: request.image.format,
        bus: spec.bus,
        firmware: firmware.clone(),
        seed_disk,
        smbios,
        network: request.network,
    };
    Ok((description, firmware))
}

/// A word that no earlier machine had.
fn fresh() -> String {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    format!("{:x}-{:x}", since.as_nanos(), std::process::id())
}

fn folder_error<'a>(what: &'static str, folder: &'a Path) -> impl Fn(std::io::Error) -> MachineError + 'a {
    move |source| MachineError::Folder { what, folder: folder.to_owned(), source }
}
