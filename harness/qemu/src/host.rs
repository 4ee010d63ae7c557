//! What all machines of a run share.

use std::sync::Arc;

use camino::Utf8PathBuf;

use crate::{Accel, AccelKind, Network, RunKey, Spawner, TemplateStore, Versions};
use muster_console::rules::Rules;
use muster_engine::budget::Cost;
use muster_engine::capsule::CapsuleStore;
use muster_engine::sink::Events;
use muster_image::ImageSpec;

/// What guests can reach.
pub(super) const NETWORK: Network = Network::Restricted;

/// This host, as a run uses it.
pub struct Host {
    /// Starts every QEMU, from one thread that lives as long as the run.
    pub spawner: Spawner,
    /// What executes guests.
    pub accel: Accel,
    /// What runs them, for whoever measures boots.
    pub versions: Arc<Versions>,
    /// Opens every guest of the run.
    pub key: RunKey,
    /// What consoles are evaluated by.
    pub rules: Arc<Rules>,
    /// The checkout: knows how lab images are built.
    pub root: Utf8PathBuf,
    /// `machines/` of the run directory.
    pub machines: Utf8PathBuf,
    /// Where machines of failed tests are kept, if they are.
    pub capsules: Option<CapsuleStore>,
    /// Where events go.
    pub events: Events,
    /// What is measured of machines that boot and are not frozen.
    pub measured: MeasuredBoots,
    /// Where templates are kept between runs, when they are.
    pub templates: Option<Arc<TemplateStore>>,
}

/// What is measured of boots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MeasuredBoots {
    /// Nothing: somebody logs in as soon as he can.
    #[default]
    No,
    /// Times. Nobody logs in before the guest rests, since that would be a part of the boot.
    Times,
    /// Times and executed instructions.
    Instructions,
}

impl Host {
    /// What a machine takes of this host that has the processors of `spec` and may come to use so much memory.
    pub(super) fn cost(&self, spec: &ImageSpec, memory_mib: u32) -> Cost {
        Cost::of(spec.cpus, memory_mib, self.accel.for_arch(spec.arch).kind == AccelKind::Tcg)
    }
}
