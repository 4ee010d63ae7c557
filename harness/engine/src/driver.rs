//! All that a session knows of machines. Real ones are crates of their own (`qemu`, `remote`); tests bring theirs.

use std::future::Future;

use camino::Utf8Path;

use super::budget::Cost;
use super::capsule::{CapsuleStore, Written};
use super::plan::{MachineSpec, Planned};
use super::reboot::Rebooted;
use muster_base::failure::{self, Failure};
use muster_boot_time::measure::Evidence;
use muster_boot_time::sample::Series;
use muster_guest::{Reply, Request};
use muster_record::facts::Facts;
use muster_record::finding::Finding;
use muster_record::run::{MachineRecord, TestRecord};
use muster_suite::model::RebootKind;

pub use super::boot::{BootFailure, BootLeft};
pub use super::frozen::{Frozen, Recalled};
pub use super::stop::Stop;

/// Starts machines of one image.
pub trait Driver: Sync + Sized {
    /// A started machine whose guest answers and has settled.
    type Live: Live;
    /// A frozen machine of which clones are made.
    type Template: Send + Sync;

    /// The driver of machines of another shape of the same image, or why there can be none.
    fn with_spec(&self, machine_spec: &MachineSpec) -> Result<Self, Failure>;

    /// How long a boot may take here, stretched for the accelerator.
    fn boot_deadline(&self) -> std::time::Duration;

    /// What a machine takes of the host while it lives; of a clone, what the largest one took so far.
    fn cost(&self, cloned: bool) -> Cost;

    /// MiB of memory that a template holds.
    fn template_mib(&self, template: &Self::Template) -> u32;

    /// Boots a machine and waits until its boot has settled. `id` names it in the run directory;
    /// `freezable` says that it will be frozen.
    fn boot(&self, id: &str, freezable: bool) -> impl Future<Output = Result<Self::Live, BootFailure>> + Send;

    /// Freezes a machine that was booted for it.
    fn freeze(&self, live: Self::Live) -> impl Future<Output = Frozen<Self::Live, Self::Template>> + Send;

    /// Starts a machine where the template stopped, its clock set. Fails like a boot.
    fn start_clone(
        &self,
        template: &Self::Template,
        id: &str,
    ) -> impl Future<Output = Result<Self::Live, BootFailure>> + Send;

    /// Connects machines, all started with an interface for it, by a network that nothing else is on. They stay
    /// connected as long as they live.
    fn connect(&self, machines: &[&Self::Live]) -> Result<(), Failure> {
        let text = format!("these {} machines cannot be connected with each other", machines.len());
        Err(Failure::new(failure::MACHINE_SEGMENT, text))
    }

    /// Where machines of failed tests are kept, when the run wants that.
    fn capsules(&self) -> Option<&CapsuleStore> {
        None
    }

    /// Writes what the machine is at this moment, and what the test on it came to, into the directory, in
    /// at most about `room` bytes; the machine stands still meanwhile.
    fn capture(
        &self,
        live: &mut Self::Live,
        dir: &Utf8Path,
        room: u64,
        test: &TestRecord,
    ) -> impl Future<Output = Written> + Send {
        let _ = (live, dir, room, test);
        async { Written { capsule: Err("these machines cannot be saved".into()), goes_on: Ok(()) } }
    }

    /// Whether templates are kept between runs, so that a clone may come cheaper than a boot.
    fn keeps_templates(&self) -> bool {
        false
    }

    /// The template that an earlier run has kept, if there is one that can be used. After `None` the
    /// next one that is frozen is worth keeping.
    fn recall(&self) -> impl Future<Output = Option<Recalled<Self::Template>>> + Send {
        async { None }
    }

    /// Keeps a template for later runs, with what its boot left.
    fn keep(&self, _: &Self::Template, _: &BootLeft) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// Takes back a recalled template of which no clone could be made.
    fn disown(&self, _: &Self::Template) -> impl Future<Output = ()> + Send {
        async {}
    }
}

/// What a driver saw of the last boot of a machine.
#[derive(Debug, Clone, PartialEq)]
pub struct BootSeen {
    /// Which boots it can be compared with.
    pub series: Series,
    /// Of the image, 64 hexadecimal digits.
    pub image_sha256: String,
    /// When it started and when sshd answered, the console's lines, what was counted. What only the guest knows is not in it.
    pub evidence: Evidence,
}

/// A running machine.
pub trait Live: Send + Sync {
    /// What the guest is, learnt when it came up.
    fn facts(&self) -> &Facts;

    /// Enters the packages of the products that were installed in it into its facts, which keep them over reboots and in clones.
    fn note_products(&mut self, packages: Vec<String>);

    /// What is known of the machine so far.
    fn record(&self) -> MachineRecord;

    /// By how much deadlines are stretched on this machine.
    fn deadline_scale(&self) -> f64;

    /// Runs command lines in the guest, in order, in one round trip; one answer each. An error
    /// means that the guest does not answer any more.
    fn batch(&self, requests: Vec<Request>) -> impl Future<Output = Result<Vec<Reply>, Failure>> + Send;

    /// The same for command lines that muster did not write itself: what one of them leaves running
    /// does not reach the output of the next, and none can end its own frame.
    fn commands(&self, requests: Vec<Request>) -> impl Future<Output = Result<Vec<Reply>, Failure>> + Send {
        self.batch(requests)
    }

    /// What the console rules found since the last call.
    fn findings(&mut self) -> Vec<Finding>;

    /// Resolves when the machine has died or its console shows that it will; never otherwise.
    fn death(&self) -> impl Future<Output = Failure> + Send;

    /// Sends what comes next through an SSH login of its own, where another way was used before.
    fn log_in(&mut self) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Puts the cable of the network with other machines of its test in, or pulls it out. It is out when the machine starts.
    fn plug(&self, plugged: bool) -> impl Future<Output = Result<(), Failure>> + Send {
        let _ = plugged;
        async { Err(Failure::new(failure::MACHINE_SEGMENT, "this machine has no cable to other machines")) }
    }

    /// Reboots it, at most `limit` (already stretched) until it has settled again, else as long as a
    /// boot may take. Ok means that it was rebooted exactly once; [`Live::facts`] are then those of the
    /// new boot. After an error it is of no more use.
    fn reboot(
        &mut self,
        how: RebootKind,
        limit: Option<std::time::Duration>,
    ) -> impl Future<Output = Result<Rebooted, Failure>> + Send;

    /// Why a test must not run on this machine, whatever its facts are.
    fn refusal(&self, _planned: &Planned) -> Option<Failure> {
        None
    }

    /// Whether its boot was part of the run. What went wrong before the run is nobody's failure.
    fn seen_from_start(&self) -> bool {
        true
    }

    /// What cannot be known of this machine, one sentence each.
    fn blind(&self) -> Vec<String> {
        Vec::new()
    }

    /// Whether its guest is known to reach nothing beyond itself: muster cuts off the machines of tests without the tag
    /// `needs-internet`. One that muster did not start may have any network.
    fn reaches_nothing(&self) -> bool {
        false
    }

    /// What the driver saw of its last boot; `None` when it does not see boots.
    fn boot_seen(&self) -> Option<BootSeen> {
        None
    }

    /// Ends it, and says what its console showed since the last look.
    fn stop(self, how: Stop) -> impl Future<Output = (MachineRecord, Vec<Finding>)> + Send;
}
