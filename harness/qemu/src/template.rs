//! A warm machine that stopped for good so that others can begin where it stood: its RAM in a file
//! that clones map privately, the state of its devices, its overlay frozen, its firmware's variables.
//!
//! The sequence is QEMU's own for templates: migrate to a file with `x-ignore-shared`, so that RAM
//! stays where it is and a few megabytes of device state are all that is written.

use std::fs::File;
use std::time::Duration;

use serde_json::{Value, json};

use super::command_line;
use super::description::{self, MachineDescription, Memory, Uncloneable};
use super::machine_files::{self, MachineFiles};
use super::qmp::{Qmp, QmpError};
use super::{Machine, MachineError};

/// How long the state of devices may take to be written or read, before scaling. It takes a twentieth
/// of a second.
const TRANSFER: Duration = Duration::from_secs(20);

/// A frozen machine. It costs the memory its guest had touched, until it is dropped.
#[derive(Debug)]
pub(crate) struct Template {
    /// What it was, `memory` being [`Memory::Cloned`] already.
    pub(super) description: MachineDescription,
    pub(super) ram: File,
    pub(super) state: File,
    /// Its overlay, then those below it.
    pub(super) layers: Vec<File>,
    pub(super) vars: Option<File>,
    /// The disks next to it, as they were.
    pub(super) extra: Vec<File>,
    /// An overlay in which nothing has been written, to be copied.
    pub(super) blank: File,
}

/// What a clone has for itself alone.
pub(super) struct Own {
    pub layer: File,
    pub vars: Option<File>,
    pub extra: Vec<File>,
}

/// Why a machine could not become a template. It is gone in either case.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub(crate) enum FreezeError {
    #[error("the machine was started without RAM that can be shared")]
    NotPrepared,
    #[error("QEMU cannot freeze it: {0}")]
    Qemu(#[from] QmpError),
    #[error("the state of its devices was not written: {0}")]
    Transfer(String),
    #[error("its files could not be saved: {0}")]
    Files(#[from] std::io::Error),
}

/// Why the state of a template or of a capsule could not be read into a new QEMU.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ThawError {
    #[error(transparent)]
    Qemu(#[from] QmpError),
    #[error(transparent)]
    Transfer(#[from] FreezeError),
}

impl Machine {
    /// Whether [`Machine::freeze`] can work with its devices.
    pub(crate) fn can_freeze(&self) -> Result<(), Uncloneable> {
        description::cloneable(&self.files().description)?;
        match self.files().ram {
            Some(_) => Ok(()),
            None => Err(Uncloneable::PrivateRam),
        }
    }

    /// Stops the guest, writes down what it is, and ends its QEMU.
    pub(crate) async fn freeze(self) -> Result<Template, FreezeError> {
        let deadline = TRANSFER.mul_f64(self.scale());
        let files = self.files();
        let (Some(ram), Some(state), Some(blank)) = (&files.ram, &files.state, &files.blank) else {
            return Err(FreezeError::NotPrepared);
        };
        let qmp = self.qmp();
        qmp.execute("stop", json!({}), deadline).await?;
        ignore_shared(qmp, deadline).await?;
        qmp.execute("migrate", json!({"uri": state_uri()}), deadline).await?;
        transferred(qmp, deadline).await?;
        // Opened again for reading only: nothing writes to a template, whoever tries.
        let keep = |file: &File| machine_files::reopen(file, false);
        let template = Template {
            description: MachineDescription { memory: Memory::Cloned, ..files.description.clone() },
            ram: keep(ram)?,
            state: keep(state)?,
            layers: std::iter::once(&files.layer).chain(&files.below).map(keep).collect::<std::io::Result<_>>()?,
            vars: files.vars.as_ref().map(keep).transpose()?,
            extra: files.extra.iter().map(keep).collect::<std::io::Result<_>>()?,
            blank: keep(blank)?,
        };
        self.quit().await;
        Ok(template)
    }
}

impl Template {
    /// Bytes of memory that it holds: the pages its guest had touched.
    pub(crate) fn resident(&self) -> u64 {
        use std::os::unix::fs::MetadataExt;
        self.ram.metadata().map_or(0, |metadata| metadata.blocks() * 512)
    }

    /// The files of a clone: everything of the template, only read, and a layer and variables of its own.
    pub(super) fn files_of_clone(&self, id: &str, own: Own) -> Result<MachineFiles, MachineError> {
        let Own { layer, vars, extra } = own;
        let open = |file: &File| {
            machine_files::reopen(file, false)
                .map_err(|source| MachineError::Template { what: "its files cannot be opened".to_owned(), source })
        };
        Ok(MachineFiles {
            description: MachineDescription { id: id.to_owned(), ..self.description.clone() },
            layer,
            below: self.layers.iter().map(open).collect::<Result<_, _>>()?,
            vars,
            extra,
            ram: Some(open(&self.ram)?),
            state: Some(open(&self.state)?),
            blank: None,
        })
    }
}

/// Reads the template's state into a QEMU that waits for it, and lets the guest go on.
pub(super) async fn thaw(qmp: &Qmp, scale: f64) -> Result<(), ThawError> {
    let deadline = TRANSFER.mul_f64(scale);
    ignore_shared(qmp, deadline).await?;
    take_in(qmp, deadline, deadline).await
}

/// Has QEMU read the state that its descriptor set holds: at most `answer` until it begins, and
/// `transfer` until it is done.
pub(super) async fn take_in(qmp: &Qmp, answer: Duration, transfer: Duration) -> Result<(), ThawError> {
    qmp.execute("migrate-incoming", json!({"uri": state_uri()}), answer).await?;
    Ok(transferred(qmp, transfer).await?)
}

fn state_uri() -> String {
    format!("file:/dev/fdset/{}", command_line::STATE_SET)
}

async fn ignore_shared(qmp: &Qmp, deadline: Duration) -> Result<(), QmpError> {
    let capabilities = json!({"capabilities": [{"capability": "x-ignore-shared", "state": true}]});
    qmp.execute("migrate-set-capabilities", capabilities, deadline).await.map(|_| ())
}

/// Waits until a migration has ended, and how.
async fn transferred(qmp: &Qmp, deadline: Duration) -> Result<(), FreezeError> {
    transferred_unless(qmp, deadline, || None).await
}

/// The same, until `stop` says why it is not to go on.
pub(super) async fn transferred_unless(
    qmp: &Qmp,
    deadline: Duration,
    stop: impl Fn() -> Option<String>,
) -> Result<(), FreezeError> {
    let begun = std::time::Instant::now();
    let mut pause = Duration::from_millis(1);
    loop {
        let said = qmp.execute("query-migrate", json!({}), deadline).await?;
        match said.get("status").and_then(Value::as_str) {
            Some("completed") => return Ok(()),
            Some("failed" | "cancelled") => {
                let why = said.get("error-desc").and_then(Value::as_str).unwrap_or("QEMU does not say why");
                return Err(FreezeError::Transfer(muster_base::text::one_line(why, 300)));
            }
            _ if begun.elapsed() > deadline => {
                return Err(FreezeError::Transfer(format!("not done after {} s", deadline.as_secs())));
            }
            _ => {}
        }
        if let Some(why) = stop() {
            return Err(FreezeError::Transfer(why));
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}
