//! Between machines of this host and capsules: writing one, and going on from one.

use std::path::PathBuf;
use std::time::Instant;

use camino::Utf8Path;

use crate::capsule::{CaptureError, Captured, ResumeRequest};
use crate::clones::set_clock;
use crate::death::{console_tail, death_of};
use crate::host_machine::HostMachine;
use crate::saved::{Access, Capsule, CapsuleRecord, FILE, ImageNeeded, KEY, SCHEMA, Stopped};
use crate::ssh_login::{LOGIN, SshLogin, ended, generations_of};
use crate::{Accel, Machine, MachineError, Spawner};
use muster_base::failure::{Failure, FailureId};
use muster_base::fault::Fault;
use muster_base::{files, text};
use muster_engine::capsule::Written;
use muster_engine::sink::now;
use muster_guest::{Guest, Hold, HostKeyPolicy, Target};
use muster_image::Inspected;
use muster_record::run::TestRecord;

/// Writes a capsule of the machine into the directory, and lets the machine go on.
pub(crate) async fn capture(
    live: &mut HostMachine,
    image: ImageNeeded,
    dir: &Utf8Path,
    room: u64,
    test: &TestRecord,
) -> Written {
    if let Err(reason) = live.machine.can_capture() {
        return Written { capsule: Err(reason.into()), goes_on: Ok(()) };
    }
    let made = now();
    let captured = live.machine.capture(dir.as_std_path(), room).await;
    // While the guest stands still, so that nothing of it changes between its parts.
    let capsule = match captured {
        Ok(captured) => describe(live, image, dir, made, captured, test),
        Err(error) => Err(error),
    };
    let goes_on = match live.machine.go_on().await {
        Ok(()) => set_clock(&live.guest, live.scale).await.map_err(|failure| failure.message.into()),
        Err(error) => Err(error.into()),
    };
    Written { capsule: capsule.map_err(Into::into), goes_on }
}

fn describe(
    live: &HostMachine,
    image: ImageNeeded,
    dir: &Utf8Path,
    made: String,
    captured: Captured,
    test: &TestRecord,
) -> Result<u64, CaptureError> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let key = dir.join(KEY);
    std::fs::read(&live.target.private_key)
        .and_then(|bytes| {
            let mut copy = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&key)?;
            copy.write_all(&bytes)
        })
        .map_err(|source| CaptureError::Copy { what: "the key of the run".to_owned(), source })?;
    let Captured { saved_machine, qemu, files, bytes } = captured;
    let record = CapsuleRecord {
        schema: SCHEMA.to_owned(),
        muster: env!("CARGO_PKG_VERSION").to_owned(),
        made,
        qemu,
        image,
        machine: saved_machine,
        access: Access { user: live.target.user.clone(), host_key: live.known_host_key().map(|key| key.line()) },
        stopped: Stopped {
            suite: test.suite.clone(),
            test: test.test.clone(),
            outcome: test.outcome.name().to_owned(),
            summary: test.summary.clone(),
            failures: test.failures.clone(),
            rerun: test.rerun.clone(),
        },
        files,
    };
    let json = serde_json::to_vec_pretty(&record)?;
    files::write_atomically(&dir.join(FILE), &json)?;
    Ok(bytes.saturating_add(json.len() as u64))
}

/// Why a capsule's machine does not go on.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum ResumeError {
    #[error("{}", text::one_line(&.0.to_string(), 600))]
    Machine(#[from] MachineError),
    #[error("the machine runs, but a login to it failed: {}\n{tail}", failure.message)]
    Login { failure: Box<Failure>, tail: String },
}

impl Fault for ResumeError {
    fn failure_id(&self) -> Option<FailureId> {
        match self {
            Self::Machine(error) => error.failure_id(),
            Self::Login { failure, .. } => Some(failure.id.clone()),
        }
    }
}

/// A machine that goes on from a capsule. Dropping it ends it.
pub struct Resumed {
    machine: Machine,
    /// How to log in to it.
    pub ssh_login: SshLogin,
}

impl Resumed {
    /// Resolves when its QEMU has ended, and says how.
    pub async fn ended(&self) -> String {
        ended(&self.machine).await
    }

    /// Ends it at once.
    pub async fn end(self) {
        self.machine.kill().await;
    }
}

/// Starts a machine where the capsule's stopped, logs in and sets its clock. `key` is the capsule's,
/// in a file that only this user may read; `any_firmware` goes on with another firmware.
pub async fn resume(
    capsule: &Capsule,
    image: &Inspected,
    accel: &Accel,
    spawner: &Spawner,
    key: PathBuf,
    dir: &Utf8Path,
    any_firmware: bool,
) -> Result<Resumed, ResumeError> {
    let request = ResumeRequest {
        saved_machine: &capsule.record.machine,
        capsule: capsule.dir.as_std_path(),
        image,
        accel,
        dir: dir.as_std_path(),
        any_firmware,
    };
    let machine = Machine::resume(request, spawner).await?;
    let scale = accel.deadline_scale;
    let user = capsule.record.access.user.clone();
    let target = Target {
        addr: machine.ssh_addr(),
        become_root: user != "root",
        user,
        private_key: key,
        host_key: match &capsule.host_key {
            Some(key) => HostKeyPolicy::Expect(vec![key.clone()]),
            None => HostKeyPolicy::AcceptFirst,
        },
        generations: generations_of(&machine),
        refusals: Default::default(),
        hold: Hold::none(),
    };
    let arrive = async {
        let deadline = Instant::now() + LOGIN.mul_f64(scale);
        let guest = Guest::connect(target.clone(), deadline, scale).await.map_err(|error| Failure::from(&error))?;
        set_clock(&guest, scale).await?;
        let shown = guest.host_key();
        guest.close().await;
        Ok(shown)
    };
    let arrival = tokio::select! {
        biased;
        failure = death_of(&machine, 0, scale, false) => Err(failure),
        arrival = arrive => arrival,
    };
    match arrival {
        Ok(shown) => {
            let Target { addr, user, private_key, .. } = target;
            let host_key = shown.or_else(|| capsule.host_key.clone());
            Ok(Resumed { machine, ssh_login: SshLogin { addr, user, private_key, host_key } })
        }
        Err(failure) => {
            let tail = console_tail(&machine);
            machine.kill().await;
            Err(ResumeError::Login { failure: Box::new(failure), tail })
        }
    }
}
