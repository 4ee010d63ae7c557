//! A boot that needs no image: firmware, a disk of one mebibyte, and a program on it whose work is counted. It answers on a
//! host that has nothing yet whether machines start here, and how fast they are.

mod program;

use std::fs::File;
use std::io::{Cursor, Write as _};
use std::os::fd::AsRawFd as _;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::AsyncReadExt as _;

use super::last_line::{last_line_in, last_line_of};
use super::process::{Launch, Process, Spawner};
use super::{Accel, AccelKind, MachineError, channels, command_line, description, firmware};
use muster_base::machine::Arch;

/// How long all of it may take with KVM, on a host that does much else too. Emulated and idle it takes ten seconds.
const DEADLINE: Duration = Duration::from_secs(15);

/// Bytes of the serial port that are kept: firmware says less than a tenth of it.
const MOST_SAID: usize = 1 << 20;

/// What a boot took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FirstBoot {
    /// From the start of QEMU until the program on the disk ran: firmware.
    pub firmware: Duration,
    /// What the counted work took: 100 million rounds of arithmetic, memory and jumps.
    pub work: Duration,
}

/// Why there was no boot.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum FirstBootError {
    #[error(transparent)]
    Machine(#[from] MachineError),
    #[error("QEMU ended with {status}: {said}")]
    Ended { status: String, said: String },
    #[error("{stage} did not end within {} s; the serial port said last: {said}", after.as_secs())]
    Late { stage: &'static str, after: Duration, said: String },
    #[error("the serial port of the machine closed; it said last: {said}")]
    Closed { said: String },
}

/// Boots it once. `dir` takes the disk and the firmware's variables; nothing is left there.
pub async fn first_boot(accel: &Accel, arch: Arch, dir: &Path, spawner: &Spawner) -> Result<FirstBoot, FirstBootError> {
    let failed = |what: &'static str| {
        let dir = dir.to_owned();
        move |source| MachineError::Dir { what, dir, source }
    };
    let files = tempfile::Builder::new().prefix("first-boot-").tempdir_in(dir).map_err(failed("a directory"))?;
    let disk = files.path().join("disk.img");
    let medium = disk_with(program::file_name(arch), &program::application(arch)).map_err(failed("the disk"))?;
    std::fs::write(&disk, medium).map_err(failed("the disk"))?;
    let firmware = firmware::find(arch, false)?;
    let vars = files.path().join("vars.fd");
    std::fs::copy(&firmware.vars_template, &vars).map_err(failed("the variables of the firmware"))?;
    let (ours, theirs) = channels::socket_pair().map_err(failed("a socket"))?;
    ours.set_nonblocking(true).map_err(failed("a socket"))?;
    let serial = tokio::net::UnixStream::from_std(ours).map_err(failed("a socket"))?;
    let log = tempfile::tempfile_in(files.path()).map_err(failed("the log of QEMU"))?;
    let begun = Instant::now();
    let mut process = spawner
        .spawn(Launch {
            program: description::program(arch).to_owned(),
            arguments: arguments(accel.kind, arch, &firmware, &vars, &disk, theirs.as_raw_fd()),
            directory: files.path().to_owned(),
            log: log.try_clone().map_err(failed("the log of QEMU"))?,
            inherit: vec![theirs],
        })
        .await
        .map_err(|source| MachineError::of_spawn(description::program(arch), source))?;
    listen(serial, begun, accel.scaled(DEADLINE), &mut process, log).await
}

/// Reads until the program has said that it ended.
async fn listen(
    mut serial: tokio::net::UnixStream,
    begun: Instant,
    deadline: Duration,
    process: &mut Process,
    log: File,
) -> Result<FirstBoot, FirstBootError> {
    let mut said = Vec::new();
    let mut firmware = None;
    let mut buffer = [0; 4096];
    let until = tokio::time::Instant::from_std(begun + deadline);
    loop {
        let read = tokio::select! {
            read = serial.read(&mut buffer) => read.unwrap_or(0),
            status = process.wait() => {
                let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
                return Err(FirstBootError::Ended { status, said: messages_of(log) });
            }
            () = tokio::time::sleep_until(until) => {
                let stage = if firmware.is_none() { "the firmware" } else { "the program" };
                return Err(FirstBootError::Late { stage, after: deadline, said: tail(&said) });
            }
        };
        if read == 0 || said.len() > MOST_SAID {
            // QEMU closes it when it ends, and then says why.
            return Err(match tokio::time::timeout(Duration::from_secs(2), process.wait()).await {
                Ok(Ok(status)) => FirstBootError::Ended { status: status.to_string(), said: messages_of(log) },
                Ok(Err(_)) | Err(_) => FirstBootError::Closed { said: tail(&said) },
            });
        }
        said.extend_from_slice(&buffer[..read]);
        let has = |text: &str| said.windows(text.len()).any(|part| part == text.as_bytes());
        if firmware.is_none() && has(program::BEGUN) {
            firmware = Some(begun.elapsed());
        }
        if let Some(firmware) = firmware
            && has(program::ENDED)
        {
            return Ok(FirstBoot { firmware, work: begun.elapsed().saturating_sub(firmware) });
        }
    }
}

/// The end of what a machine said, one escaped line.
fn tail(said: &[u8]) -> String {
    last_line_in(&said[said.len().saturating_sub(200)..]).unwrap_or_else(|| "nothing".to_owned())
}

/// The last line of QEMU's own messages.
fn messages_of(log: File) -> String {
    match last_line_of(log) {
        Ok(line) => line.unwrap_or_else(|| "nothing".to_owned()),
        Err(_) => "its messages cannot be read".to_owned(),
    }
}

/// A FAT volume with one program, where firmware looks on any disk.
fn disk_with(name: &str, application: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut bytes = vec![0; 1 << 20];
    let options = fatfs::FormatVolumeOptions::new().volume_label(*b"FIRST BOOT ");
    fatfs::format_volume(Cursor::new(&mut bytes), options)?;
    {
        let volume = fatfs::FileSystem::new(Cursor::new(&mut bytes), fatfs::FsOptions::new())?;
        let boot = volume.root_dir().create_dir("EFI")?.create_dir("BOOT")?;
        let mut file = boot.create_file(name)?;
        file.truncate()?;
        file.write_all(application)?;
        file.flush()?;
    }
    Ok(bytes)
}

/// The command line: what our machines are made of, without what a guest would need. The same sandbox, since a container may
/// forbid what it needs.
fn arguments(
    accel: AccelKind,
    arch: Arch,
    firmware: &firmware::Firmware,
    vars: &Path,
    disk: &Path,
    serial: i32,
) -> Vec<String> {
    let (accelerator, cpu) = command_line::executed_by(accel, arch);
    let node = |name: &str, format: &str, path: &Path, read_only: bool| {
        json!({
            "driver": format, "node-name": name, "read-only": read_only,
            "file": {"driver": "file", "filename": path.to_string_lossy(), "read-only": read_only},
        })
        .to_string()
    };
    let mut line: Vec<String> = ["-nodefaults", "-no-user-config", "-no-reboot"].map(str::to_owned).to_vec();
    let options = [
        ("-display", "none".to_owned()),
        ("-sandbox", command_line::SANDBOX.to_owned()),
        ("-machine", command_line::board(arch, Some(false))),
        ("-accel", accelerator.to_owned()),
        ("-cpu", cpu.to_owned()),
        ("-smp", "1".to_owned()),
        ("-m", format!("size={MEMORY_MIB}M")),
        ("-blockdev", node("code", &firmware.code_format, &firmware.code, true)),
        ("-blockdev", node("vars", &firmware.vars_format, vars, false)),
        ("-blockdev", node("disk", "raw", disk, true)),
        ("-device", "virtio-blk-pci,drive=disk,bootindex=0".to_owned()),
        ("-chardev", format!("socket,id=serial0,fd={serial}")),
        ("-serial", "chardev:serial0".to_owned()),
    ];
    line.extend(options.into_iter().flat_map(|(name, value)| [name.to_owned(), value]));
    line
}

/// What firmware needs, with much to spare.
const MEMORY_MIB: u32 = 256;

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn the_disk_has_the_program_where_firmware_looks() {
        let mut bytes = disk_with("BOOTX64.EFI", b"program").unwrap();
        let volume = fatfs::FileSystem::new(Cursor::new(&mut bytes), fatfs::FsOptions::new()).unwrap();
        let mut text = String::new();
        volume.root_dir().open_file("EFI/BOOT/BOOTX64.EFI").unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "program");
    }

    async fn heard(script: &str, deadline: Duration) -> Result<FirstBoot, FirstBootError> {
        let spawner = Spawner::new().unwrap();
        let (ours, theirs) = channels::socket_pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let log = tempfile::tempfile().unwrap();
        let fd = theirs.as_raw_fd();
        let launch = Launch {
            program: "/bin/bash".to_owned(),
            arguments: vec!["-c".to_owned(), format!("exec 3>&{fd}; {script}")],
            directory: "/".into(),
            log: log.try_clone().unwrap(),
            inherit: vec![theirs],
        };
        let mut process = spawner.spawn(launch).await.unwrap();
        listen(tokio::net::UnixStream::from_std(ours).unwrap(), Instant::now(), deadline, &mut process, log).await
    }

    #[tokio::test]
    async fn a_machine_that_ends_is_silent_or_says_something_else_is_no_boot() {
        let long = Duration::from_secs(20);
        let booted = heard("printf '\\nmuster: begun.\\n\\nmuster: ended.\\n' >&3; exec sleep 60", long).await.unwrap();
        assert!(booted.firmware < long && booted.work < long);
        let ended = heard("echo 'no such machine' >&2; exit 1", long).await.unwrap_err().to_string();
        assert!(ended.contains("exit status: 1") && ended.contains("no such machine"), "{ended}");
        let short = Duration::from_millis(300);
        let late = heard("echo 'BdsDxe: no\u{1b}[2J device' >&3; exec sleep 60", short).await.unwrap_err().to_string();
        assert!(late.starts_with("the firmware did not end within 0 s") && !late.contains('\u{1b}'), "{late}");
        let begun = heard("printf '\\nmuster: begun.\\n' >&3; exec sleep 60", short).await.unwrap_err();
        assert!(matches!(begun, FirstBootError::Late { stage: "the program", .. }), "{begun}");
    }
}
