//! The state of a capsule's machine, which QEMU writes and reads as a migration.

use std::time::Duration;

use serde_json::json;

use super::qmp::{Qmp, QmpError};
use super::template::{self, ThawError};

/// How long the state of a small machine may take to be written or read, before scaling; and how much
/// longer for each GiB of its RAM.
const TRANSFER: Duration = Duration::from_secs(20);
const TRANSFER_PER_GIB: Duration = Duration::from_secs(10);
/// How long QEMU may take to answer, before scaling.
const ANSWER: Duration = Duration::from_secs(10);

/// Reads a capsule's state into a QEMU that waits for it.
pub(super) async fn thaw(qmp: &Qmp, memory_mib: u32, scale: f64) -> Result<(), ThawError> {
    let answer = ANSWER.mul_f64(scale);
    mapped(qmp, true, answer).await?;
    template::take_in(qmp, answer, transfer_deadline(memory_mib, scale)).await
}

pub(super) async fn mapped(qmp: &Qmp, on: bool, deadline: Duration) -> Result<(), QmpError> {
    let capability = |name: &str, state: bool| json!({"capability": name, "state": state});
    let capabilities = [
        // All of it is to be written, also where a template's file holds it.
        capability("x-ignore-shared", false),
        capability("mapped-ram", on),
        capability("multifd", on),
    ];
    qmp.execute("migrate-set-capabilities", json!({"capabilities": capabilities}), deadline).await.map(|_| ())
}

pub(super) fn transfer_deadline(memory_mib: u32, scale: f64) -> Duration {
    (TRANSFER + TRANSFER_PER_GIB.mul_f64(f64::from(memory_mib) / 1024.0)).mul_f64(scale)
}
