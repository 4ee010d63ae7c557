//! The driver of machines of this host: what the engine may want of an image, and who does it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use camino::Utf8Path;

use super::boot;
use super::clones::{self, HostTemplate};
use super::host_machine::HostMachine;
use super::kept_templates::{self, KeptTemplate};
use super::resume;
use super::shape::Shape;
use crate::Network;
use crate::network::segment;
use crate::saved::ImageNeeded;
use muster_base::failure::{self, Failure};
use muster_boot_time::sample::{Population, Series};
use muster_engine::budget::Cost;
use muster_engine::capsule::{CapsuleStore, Written};
use muster_engine::driver::{BootFailure, BootLeft, Driver, Frozen, Recalled};
use muster_engine::plan::MachineSpec;
use muster_record::run::TestRecord;
use muster_suite::model::MachineOverrides;

/// Boots machines of one image on this host.
pub struct HostDriver<'h> {
    pub(super) shape: Shape<'h>,
    /// SHA-256 of the disk, once a capsule needs it: the disk may have been made of the source.
    pub(super) digest: tokio::sync::OnceCell<String>,
    pub(super) warm: Option<KeptTemplate>,
    pub(super) _in_use: Arc<muster_image::InUse>,
}

impl HostDriver<'_> {
    /// The series of such boots of its machines.
    pub fn series(&self, boots: Population) -> Series {
        self.shape.origin().series(boots)
    }

    /// SHA-256 of the image, 64 hexadecimal digits.
    pub fn image_sha256(&self) -> &str {
        &self.shape.sha256
    }
}

impl Driver for HostDriver<'_> {
    type Live = HostMachine;
    type Template = HostTemplate;

    fn with_spec(&self, machine_spec: &MachineSpec) -> Result<Self, Failure> {
        let mut spec = self.shape.spec.clone();
        let MachineOverrides { cpu, firmware, tpm, bus, memory, cpus, image: _, kernel } = &machine_spec.overrides;
        // What a guest did at its boot when it reached the internet depends on the day, and another kernel is booted only
        // afterwards: both serve only their run.
        let is_kept = !machine_spec.internet && kernel.is_none();
        spec.firmware = firmware.unwrap_or(spec.firmware);
        spec.bus = bus.unwrap_or(spec.bus);
        spec.cpu = cpu.clone().or(spec.cpu);
        spec.tpm = tpm.unwrap_or(spec.tpm);
        spec.cpus = cpus.unwrap_or(spec.cpus);
        if let Some(bytes) = memory {
            spec.memory_mib = u32::try_from(bytes >> 20).unwrap_or(u32::MAX);
        }
        Ok(Self {
            shape: Shape {
                host: self.shape.host,
                spec,
                image: self.shape.image.clone(),
                sha256: self.shape.sha256.clone(),
                disk: self.shape.disk.clone(),
                kernel_from: self.shape.kernel_from,
                largest_clone_mib: Arc::default(),
                network: if machine_spec.internet { Network::Internet } else { self.shape.network },
                segment: machine_spec.segment,
            },
            warm: self.warm.as_ref().filter(|_| is_kept).map(KeptTemplate::of_another_shape),
            _in_use: self._in_use.clone(),
            digest: self.digest.clone(),
        })
    }

    fn boot_deadline(&self) -> Duration {
        self.shape.boot_deadline()
    }

    fn cost(&self, cloned: bool) -> Cost {
        let measured = self.shape.largest_clone_mib.load(Ordering::Relaxed);
        let memory = match (cloned, measured) {
            (true, 1..) => (measured * 3 / 2 + 64).min(self.shape.spec.memory_mib),
            _ => self.shape.spec.memory_mib,
        };
        self.shape.host.cost(&self.shape.spec, memory)
    }

    fn template_mib(&self, template: &HostTemplate) -> u32 {
        template.resident_mib()
    }

    async fn boot(&self, id: &str, freezable: bool) -> Result<HostMachine, BootFailure> {
        boot::boot(&self.shape, id, freezable).await
    }

    async fn freeze(&self, live: HostMachine) -> Frozen<HostMachine, HostTemplate> {
        let frozen = clones::freeze(live).await;
        if let (Some(warm), false) = (&self.warm, matches!(frozen, Frozen::Template { .. })) {
            warm.give_up().await;
        }
        frozen
    }

    async fn start_clone(&self, template: &HostTemplate, id: &str) -> Result<HostMachine, BootFailure> {
        clones::start_clone(&self.shape, template, id).await
    }

    fn connect(&self, machines: &[&HostMachine]) -> Result<(), Failure> {
        let ports: Option<Vec<_>> = machines.iter().map(|live| live.machine.segment()).collect();
        let failed = |why: String| {
            let text = format!("the machines of the test could not be connected: {why}");
            Failure::new(failure::MACHINE_SEGMENT, text)
        };
        let ports = ports.ok_or_else(|| failed("one of them was started without a cable".to_owned()))?;
        segment::connect(&ports).map_err(|error| failed(error.to_string()))
    }

    fn capsules(&self) -> Option<&CapsuleStore> {
        self.shape.host.capsules.as_ref()
    }

    async fn capture(&self, live: &mut HostMachine, dir: &Utf8Path, room: u64, test: &TestRecord) -> Written {
        let image = ImageNeeded {
            id: self.shape.spec.id.clone(),
            path: self.shape.image.path.clone(),
            format: self.shape.image.format.name().to_owned(),
            sha256: match self.digest.get_or_try_init(|| muster_image::sha256(&self.shape.image.path)).await {
                Ok(sha256) => sha256.clone(),
                Err(error) => return Written { capsule: Err(error.into()), goes_on: Ok(()) },
            },
        };
        resume::capture(live, image, dir, room, test).await
    }

    fn keeps_templates(&self) -> bool {
        self.warm.is_some()
    }

    async fn recall(&self) -> Option<Recalled<HostTemplate>> {
        kept_templates::recall(self.warm.as_ref()?, &self.shape).await
    }

    async fn keep(&self, template: &HostTemplate, left: &BootLeft) {
        if let Some(warm) = &self.warm {
            kept_templates::keep(warm, &self.shape, template, left).await;
        }
    }

    async fn disown(&self, template: &HostTemplate) {
        kept_templates::disown(&self.shape, template);
    }
}
