//! A TPM 2.0 for one machine: swtpm as a second child that lives and dies like QEMU itself, with its
//! state in a directory that nobody else sees.
//!
//! The two talk over a connected socket pair, so that no socket file exists (`clientfd` of
//! `swtpm socket --ctrl`); swtpm ends when QEMU has closed its side.

use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

use super::process::{Launch, Process, Spawner};
use super::{MachineError, channels};

/// The program.
pub(crate) const PROGRAM: &str = "swtpm";

/// A running TPM. Dropping it kills its process and removes its state.
#[derive(Debug)]
pub(crate) struct Tpm {
    // In this order: the process ends before its directory goes.
    _process: Process,
    _state: tempfile::TempDir,
}

impl Tpm {
    /// Starts a blank TPM, and gives the end of its control channel that QEMU is to inherit. What it
    /// says goes to `swtpm.log` in the machine's directory, its state into a private directory next to it.
    pub(crate) async fn start(spawner: &Spawner, dir: &Path) -> Result<(Self, OwnedFd), MachineError> {
        let failed = |what: &'static str| {
            let dir = dir.to_owned();
            move |source| MachineError::Dir { what, dir, source }
        };
        let state = tempfile::Builder::new()
            .prefix(".tpm-")
            .tempdir_in(dir)
            .map_err(failed("no directory for the state of the TPM"))?;
        let log = File::create(dir.join("swtpm.log")).map_err(failed("swtpm.log could not be made"))?;
        let (theirs, ours) = channels::socket_pair().map_err(failed("no socket pair for the TPM"))?;
        let theirs = OwnedFd::from(theirs);
        let launch = Launch {
            program: PROGRAM.to_owned(),
            arguments: arguments(theirs.as_raw_fd()),
            // Its working directory is its state's, so that no path needs quoting in its comma syntax.
            directory: state.path().to_owned(),
            log,
            inherit: vec![theirs],
        };
        let process = spawner.spawn(launch).await.map_err(|source| MachineError::of_spawn(PROGRAM, source))?;
        Ok((Self { _process: process, _state: state }, ours))
    }
}

fn arguments(control: i32) -> Vec<String> {
    let control = format!("type=unixio,clientfd={control}");
    ["socket", "--tpm2", "--terminate", "--tpmstate", "dir=.,mode=0600", "--ctrl", &control].map(str::to_owned).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    #[tokio::test]
    async fn a_tpm_answers_and_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let spawner = Spawner::new().unwrap();
        let (tpm, control) = Tpm::start(&spawner, dir.path()).await.unwrap();
        let states = || {
            let names = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name());
            names.filter(|name| name.to_string_lossy().starts_with(".tpm-")).count()
        };
        assert_eq!(states(), 1);
        let mut control = UnixStream::from(control);
        control.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        // CMD_GET_CAPABILITY of swtpm_ioctls(3): the answer is eight bytes of flags, not all zero.
        control.write_all(&1u32.to_be_bytes()).unwrap();
        let mut flags = [0; 8];
        control.read_exact(&mut flags).unwrap();
        assert_ne!(u64::from_be_bytes(flags), 0);
        drop(tpm);
        assert_eq!(states(), 0);
        // Its process has gone with it: the channel is closed, not merely silent.
        assert_eq!(control.read(&mut flags).unwrap_or(0), 0);
    }
}
