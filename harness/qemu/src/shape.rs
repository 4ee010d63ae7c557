//! What all machines of one image and one shape have in common.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use camino::Utf8PathBuf;

use super::host::Host;
use super::series::Origin;
use super::ssh_login::generations_of;
use crate::{Machine, Network};
use muster_base::machine::KernelFrom;
use muster_guest::{Hold, HostKeyPolicy, Refusals, Target};
use muster_image::{ImageSpec, Inspected};
use muster_record::disk::DiskFacts;
use muster_record::facts::Facts;

/// Machines of one image of this host, before one is started.
pub(super) struct Shape<'h> {
    pub(super) host: &'h Host,
    pub(super) spec: ImageSpec,
    pub(super) image: Inspected,
    /// Of the image, which the disk may have been made of.
    pub(super) sha256: String,
    /// What the file says of itself.
    pub(super) disk: Arc<DiskFacts>,
    pub(super) kernel_from: KernelFrom,
    /// Private memory of the largest clone so far, in MiB.
    pub(super) largest_clone_mib: Arc<AtomicU32>,
    pub(super) network: Network,
    /// Whether machines have an interface for a network with other machines of their test.
    pub(super) segment: bool,
}

impl Shape<'_> {
    /// By how much deadlines are stretched on its machines.
    pub(super) fn scale(&self) -> f64 {
        self.host.accel.for_arch(self.spec.arch).deadline_scale
    }

    /// What the guest says, with what is known of it from outside.
    pub(super) fn with_origin(&self, seen: Facts) -> Facts {
        let kernel_from = Some(self.kernel_from.name().to_owned());
        seen.from_outside(Some((*self.disk).clone()), kernel_from)
    }

    /// How long a boot may take, stretched for the accelerator.
    pub(super) fn boot_deadline(&self) -> Duration {
        self.host.accel.for_arch(self.spec.arch).scaled(self.spec.boot_timeout)
    }

    /// The directory of a machine.
    pub(super) fn dir(&self, id: &str) -> Utf8PathBuf {
        self.host.machines.join(id)
    }

    /// What its machines are booted from.
    pub(super) fn origin(&self) -> Origin {
        let accelerator = self.host.accel.for_arch(self.spec.arch).kind;
        let versions = self.host.versions.clone();
        Origin { spec: self.spec.clone(), accelerator, versions, sha256: self.sha256.clone() }
    }

    /// How to log in to one of its machines.
    pub(super) fn target(&self, machine: &Machine) -> Target {
        Target {
            addr: machine.ssh_addr(),
            user: self.spec.user.clone(),
            private_key: self.host.key.private.clone(),
            become_root: self.spec.user != "root",
            host_key: HostKeyPolicy::AcceptFirst,
            generations: generations_of(machine),
            refusals: Refusals::default(),
            hold: Hold::none(),
        }
    }

    /// The image's name in the run.
    pub(super) fn image_id(&self) -> &str {
        &self.spec.id
    }
}
