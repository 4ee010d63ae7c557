//! All that a session knows of machines. Real ones are crates of their own (`qemu`, `remote`); tests bring theirs.

use std::future::Future;

use camino::Utf8Path;
use serde::{Deserialize, Serialize};

use super::budget::Cost;
use super::capsule::{CapsuleStore, Written};
use super::plan::{MachineSpec, Planned};
use super::reboot::Rebooted;
use muster_base::failure::Failure;
use muster_check::Observations;
use muster_guest::{Reply, Request};
use muster_record::facts::Facts;
use muster_record::run::{MachineRecord, TestRecord};
use muster_suite::model::RebootKind;

/// Starts machines of one image.
pub trait Driver: Sync + Sized {
    /// A started machine whose guest answers and has settled.
    type Live: Live;
    /// A frozen machine of which forks are made.
    type Template: Send + Sync;

    /// The driver of machines of another shape of the same image, or why there can be none.
    fn with_spec(&self, machine_spec: &MachineSpec) -> Result<Self, Failure>;

    /// How long a boot may take here, stretched for the accelerator.
    fn boot_deadline(&self) -> std::time::Duration;

    /// What a machine takes of the host while it lives; of a fork, what the largest one took so far.
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
        async { Written { capsule: Err("these machines cannot be saved".to_owned()), goes_on: Ok(()) } }
    }

    /// Whether templates are kept between runs, so that a fork may come cheaper than a boot.
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

    /// Takes back a recalled template of which no fork could be made.
    fn disown(&self, _: &Self::Template) -> impl Future<Output = ()> + Send {
        async {}
    }
}

/// What is known of a guest when its machine becomes a template, beside what the driver knows.
#[derive(Debug, Clone, Default)]
pub struct BootLeft {
    /// What the base checks saw last.
    pub base: Observations,
    /// What the boot did wrong, in the guest's own books.
    pub failures: Vec<Failure>,
    /// What the base checks could not see.
    pub remarks: Vec<String>,
}

/// A template of an earlier run.
pub struct Recalled<T> {
    /// What forks are made of.
    pub template: T,
    /// What it is called in this run.
    pub name: String,
    /// What its boot left.
    pub left: BootLeft,
    /// Everything that its console showed.
    pub findings: Vec<ConsoleHit>,
}

/// What came of freezing a machine.
pub enum Frozen<L, T> {
    /// It is a template now; its own run has ended.
    Template {
        /// What forks are made of.
        template: T,
        /// What is known of the machine.
        record: MachineRecord,
        /// What its console showed since the last look.
        findings: Vec<ConsoleHit>,
    },
    /// This image, or this QEMU, cannot do it. The machine goes on.
    Refused {
        /// The machine.
        live: L,
        /// Why.
        reason: String,
    },
    /// It went wrong half-way, and the machine is gone.
    Lost {
        /// Why.
        reason: String,
        /// What is known of the machine.
        record: MachineRecord,
        /// What its console showed since the last look.
        findings: Vec<ConsoleHit>,
    },
}

/// A machine that did not come up.
#[derive(Debug, Clone)]
pub struct BootFailure {
    /// Why; for the tests that wanted it.
    pub failure: Failure,
    /// What the console judge found before.
    pub findings: Vec<ConsoleHit>,
    /// What is known of the machine.
    pub record: MachineRecord,
}

/// A running machine.
pub trait Live: Send + Sync {
    /// What the guest is, learnt when it came up.
    fn facts(&self) -> &Facts;

    /// What is known of the machine so far.
    fn record(&self) -> MachineRecord;

    /// By how much deadlines are stretched on this machine.
    fn deadline_scale(&self) -> f64;

    /// Runs command lines in the guest, in order, in one round trip; one answer each. An error
    /// means that the guest cannot be asked any more.
    fn batch(&self, requests: Vec<Request>) -> impl Future<Output = Result<Vec<Reply>, Failure>> + Send;

    /// The same for command lines that muster did not write itself: what one of them leaves running
    /// does not reach the output of the next, and none can end its own frame.
    fn commands(&self, requests: Vec<Request>) -> impl Future<Output = Result<Vec<Reply>, Failure>> + Send {
        self.batch(requests)
    }

    /// What the console judge found since the last call.
    fn findings(&mut self) -> Vec<ConsoleHit>;

    /// Resolves when the machine has died or its console shows that it will; never otherwise.
    fn death(&self) -> impl Future<Output = Failure> + Send;

    /// Sends what comes next through an SSH login of its own, where another way was used before.
    fn log_in(&mut self) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Reboots it, at most `limit` (already stretched) until it has settled again, else as long as a
    /// boot may take. Ok means that it was rebooted exactly once; [`Live::facts`] are then those of the
    /// new boot. After an error nothing more may be asked of it.
    fn reboot(
        &mut self,
        how: RebootKind,
        limit: Option<std::time::Duration>,
    ) -> impl Future<Output = Result<Rebooted, Failure>> + Send;

    /// Why a test must not be asked of this machine, whatever its facts are.
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

    /// Ends it, and says what its console showed since the last look.
    fn stop(self, how: Stop) -> impl Future<Output = (MachineRecord, Vec<ConsoleHit>)> + Send;
}

/// How a machine is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The guest is asked to power off.
    Orderly,
    /// The same, but its journal is fetched first, because a test failed on it.
    WithEvidence,
    /// At once, because it is a fork of which nothing more is to be known.
    Discard,
    /// The same, but its journal is fetched first, because a test failed on it. How it shuts down is nobody's question, and one whose
    /// init is dead never would.
    DiscardWithEvidence,
    /// At once: it does not answer any more.
    Kill,
}

/// Something the console judge found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ConsoleHit {
    /// `kernel-panic`, `oops`, …: the second half of the failure id.
    pub category: String,
    /// How bad it is.
    pub weight: Weight,
    /// The line, harmless.
    pub line: String,
    /// 1-based line of console.log.
    pub line_number: u64,
    /// Lines around it, harmless and bounded.
    pub excerpt: String,
}

/// How bad a console finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weight {
    /// The machine is lost.
    Fatal,
    /// The test fails.
    Fail,
    /// It is only reported.
    Info,
}
