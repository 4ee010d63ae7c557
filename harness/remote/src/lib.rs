//! A machine that is already up somewhere else: a cloud VM, a WSL instance, a physical machine. It is
//! reached over SSH and nothing else, so it has no console, no reset button and no second of its
//! kind, and it is somebody's: what changes it is not done unless that was allowed.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use muster_base::failure::{self, Failure};
use muster_base::text;
use muster_engine::budget::Cost;
use muster_engine::driver::{BootFailure, Driver, Frozen, Live, Stop};
use muster_engine::engine::Images;
use muster_engine::plan::{Group, Isolation, MachineSpec, Plan, Planned};
use muster_engine::reboot::evidence::Evidence;
use muster_engine::reboot::{self, evidence};
use muster_engine::reboot::{Rebooted, Silent, Subject};
use muster_engine::refused;
use muster_engine::sink::Events;
use muster_guest::{
    ConnectError, Generations, Guest, Hold, HostKeyPolicy, LastState, Refusals, Reply, Request, Target, facts,
};
use muster_record::event::Event;
use muster_record::facts::Facts;
use muster_record::finding::Finding;
use muster_record::run::{Accelerator, ImageRecord, MachineRecord, no_machine};
use muster_suite::model::{Action, GuestMode, RebootKind, Suite};

/// How long a boot that is still going on is waited for, and a reboot: such machines are real ones.
const SETTLE: Duration = Duration::from_secs(300);
/// The word by which conditions know what executes the machine: no suite asks for it, so that tests
/// gated by an accelerator are skipped.
pub const ACCELERATOR: &str = "unknown";

/// A machine elsewhere and how to get in.
#[derive(Debug, Clone)]
pub struct Remote {
    /// What reports call it.
    pub name: String,
    /// `user@host:port`, as the person typed it.
    pub shown: String,
    /// Where it is.
    pub addr: SocketAddr,
    /// Who logs in; another than root becomes root through `sudo -n`.
    pub user: String,
    /// A private key without a passphrase.
    pub identity: PathBuf,
    /// Which host keys are right.
    pub host_key: HostKeyPolicy,
    /// How long it may take to answer.
    pub patience: Duration,
    /// Whether tests that change the machine are asked of it.
    pub allow_changes: bool,
}

/// What reports say about the accelerator of a machine elsewhere.
pub fn accelerator() -> Accelerator {
    let reason = "the machine was up already; what executes it, on which host, is not known".to_owned();
    Accelerator { kind: String::new(), reason, deadline_scale: 1.0, host_arch: None }
}

/// The plan for a machine of which there is one: what wants a machine of its own shares it too, if it
/// is asked at all.
pub fn on_one_machine(plan: Plan) -> Plan {
    let tests: Vec<Planned> = plan.groups.into_iter().flat_map(|group| group.tests).collect();
    // As what is never frozen and never spread over several machines.
    let groups = if tests.is_empty() {
        Vec::new()
    } else {
        vec![Group { isolation: Isolation::Booted, machine_spec: MachineSpec::default(), tests }]
    };
    Plan { groups, own: Default::default(), ..plan }
}

/// Tests of the plan that would change the machine.
pub fn changing_tests(plan: &Plan) -> usize {
    plan.groups.iter().flat_map(|group| &group.tests).filter(|planned| wants_its_own(planned).is_some()).count()
}

/// Why a test should have a machine of its own, if it should.
fn wants_its_own(planned: &Planned) -> Option<&'static str> {
    let test = planned.test();
    if !planned.suite.setup.is_empty() || !planned.suite.teardown.is_empty() {
        Some("its suite has a setup or a teardown, which may change the machine")
    } else if !test.steps.is_empty() {
        Some("it has steps, which may change the machine")
    } else if test.guest != GuestMode::Shared {
        Some("it needs a machine of its own")
    } else {
        None
    }
}

/// The first reboot of a test that cannot be done to a machine elsewhere.
fn impossible_reboot(suite: &Suite, planned: &Planned) -> Option<&'static str> {
    suite.setup.iter().chain(&planned.test().steps).find_map(|step| match step.action {
        Action::Reboot(RebootKind::Hard) => {
            Some("it presses the reset button, which a machine of `--connect` does not have")
        }
        Action::Reboot(RebootKind::Crash) => {
            Some("it crashes the kernel, which only a console can show, and a machine of `--connect` has none")
        }
        Action::BootSamples { .. } => {
            Some("it boots the machine again and again, which only one of muster's own can be")
        }
        _ => None,
    })
}

/// The only image of a run on a machine elsewhere.
pub struct RemoteImages {
    remote: Remote,
    events: Events,
}

impl RemoteImages {
    /// That of one machine.
    pub fn new(remote: Remote, events: Events) -> Self {
        Self { remote, events }
    }
}

impl Images for RemoteImages {
    type Driver = RemoteDriver;

    async fn prepare(&self, image: &str) -> Result<RemoteDriver, Failure> {
        // Nobody knows what it was installed from: there is no file, and no digest.
        let record =
            ImageRecord { path: self.remote.shown.clone(), format: "remote".to_owned(), ..ImageRecord::default() };
        self.events.emit(Event::ImageReady { image: image.to_owned(), record: Box::new(record) });
        Ok(RemoteDriver { remote: self.remote.clone(), events: self.events.clone() })
    }

    fn cost(&self, _: &str) -> Cost {
        NOTHING
    }

    async fn verify_unchanged(&self, _: &str) -> Result<(), Failure> {
        Ok(())
    }
}

/// What a machine elsewhere takes of this host.
const NOTHING: Cost = Cost { centicores: 1, memory_mib: 1 };

/// Connects to the machine; what it calls a boot starts nothing.
#[derive(Clone)]
pub struct RemoteDriver {
    remote: Remote,
    events: Events,
}

impl Driver for RemoteDriver {
    type Live = RemoteMachine;
    /// Nothing of it can be frozen.
    type Template = std::convert::Infallible;

    /// There is one machine, as it is; whoever asks for another is refused test by test.
    fn with_spec(&self, _shape: &MachineSpec) -> Result<Self, Failure> {
        Ok(self.clone())
    }

    fn boot_deadline(&self) -> Duration {
        self.remote.patience
    }

    fn cost(&self, _cloned: bool) -> Cost {
        NOTHING
    }

    fn template_mib(&self, template: &Self::Template) -> u32 {
        match *template {}
    }

    async fn freeze(&self, live: RemoteMachine) -> Frozen<RemoteMachine, Self::Template> {
        Frozen::Refused { live, reason: "it runs elsewhere".to_owned() }
    }

    async fn start_clone(&self, template: &Self::Template, _id: &str) -> Result<RemoteMachine, BootFailure> {
        match *template {}
    }

    async fn boot(&self, id: &str, _freezable: bool) -> Result<RemoteMachine, BootFailure> {
        let begun = Instant::now();
        self.arrive(id, begun).await.map_err(|failure| BootFailure {
            failure,
            findings: Vec::new(),
            record: no_machine(id, &self.remote.name, "was not reached"),
        })
    }
}

impl RemoteDriver {
    async fn arrive(&self, id: &str, begun: Instant) -> Result<RemoteMachine, Failure> {
        let Remote { addr, user, identity, host_key, .. } = self.remote.clone();
        let become_root = user != "root";
        let report = {
            let (events, machine, user) = (self.events.clone(), id.to_owned(), user.clone());
            move |times| {
                let (machine, user) = (machine.clone(), user.clone());
                events.emit(Event::LoginRefused { machine, user, times });
            }
        };
        let (generations, refusals) = (Generations::unknown(), Refusals::default());
        // Nobody sees its console: whoever named it also said how long it may take.
        let refused = refused::watch(refusals.subscribe(), report, |_| None);
        let target = Target {
            addr,
            user,
            private_key: identity,
            become_root,
            host_key,
            generations,
            refusals,
            hold: Hold::none(),
        };
        let unseen = target.host_key == HostKeyPolicy::AcceptFirst;
        let guest = tokio::select! {
            biased;
            guest = Guest::connect(target, begun + self.remote.patience, 1.0) => guest,
            (_, why) = refused => return Err(Failure::new(failure::INTERNAL, why)),
        };
        let guest = guest.map_err(|error| self.not_reached(&error))?;
        let boot_seconds = begun.elapsed().as_secs_f64();
        if let Some(key) = guest.host_key().filter(|_| unseen) {
            let text = format!("the host key {} of {} was accepted unseen", key.fingerprint(), self.remote.shown);
            self.events.notice(text);
        }
        let facts = facts::collect(&guest, 1.0).await;
        let facts = facts.map_err(|error| Failure::from(&error))?;
        let mut blind = vec!["its console is not checked: muster did not start the machine".to_owned()];
        if facts.systemd.is_some() {
            muster_engine::settle::settle(&guest, Instant::now() + SETTLE).await?;
        }
        blind.push(match own_clock(&guest, &facts).await {
            Some(seconds) => format!("its boot was not seen; by its own clock it took {seconds:.1} s"),
            None => "its boot was not seen".to_owned(),
        });
        Ok(RemoteMachine {
            id: id.to_owned(),
            remote: self.remote.clone(),
            boot_seconds,
            guest,
            facts,
            blind,
            unproven: None,
        })
    }

    /// A login that failed, in words for a machine that is not ours.
    fn not_reached(&self, error: &ConnectError) -> Failure {
        let shown = &self.remote.shown;
        let seconds = self.remote.patience.as_secs();
        let (id, what) = match &error.last {
            LastState::NotTried | LastState::Cancelled => (failure::REMOTE_UNREACHABLE, "it was not tried".to_owned()),
            LastState::Unreachable(why) => {
                (failure::REMOTE_UNREACHABLE, format!("nobody answers within {seconds} s: {why}"))
            }
            LastState::Silent => {
                let what = format!(
                    "the port is open, but no SSH server speaks within {seconds} s: sshd does not run, or what \
                     forwards the port (QEMU, a firewall) reaches no machine behind it"
                );
                (failure::REMOTE_UNREACHABLE, what)
            }
            LastState::NoRoot { .. } => (failure::REMOTE_REFUSED, error.last.to_string()),
            LastState::KeyRefused { times } => {
                let what = format!("sshd refuses the key ({times} tries): check the user and `--identity`");
                (failure::REMOTE_REFUSED, what)
            }
            LastState::KeyFile(why) => (failure::REMOTE_REFUSED, format!("the private key cannot be used: {why}")),
            LastState::HostKeyChanged { expected, seen } => {
                (failure::SSH_HOST_KEY, format!("it shows the host key {seen}; known is {expected}"))
            }
            other => (Failure::from(error).id, other.to_string()),
        };
        Failure::new(id, text::one_line(&format!("cannot log in to {shown}: {what}"), 400))
    }
}

/// How long the machine's boot took by its own clock, from the kernel's start to the last start job.
async fn own_clock(guest: &Guest, facts: &Facts) -> Option<f64> {
    facts.systemd?;
    let script = "systemctl show --no-pager --value -p FinishTimestampMonotonic".to_owned();
    let reply = guest.run(Request { script, timeout: Duration::from_secs(20), limit: 4096 }).await.ok()?;
    let micros: u64 = String::from_utf8_lossy(&reply.stdout).trim().parse().ok()?;
    (micros > 0).then_some(micros as f64 / 1e6)
}

/// A machine elsewhere that answers.
pub struct RemoteMachine {
    id: String,
    remote: Remote,
    boot_seconds: f64,
    guest: Guest,
    facts: Facts,
    blind: Vec<String>,
    /// Why nothing that the machine says can be evaluated any more.
    unproven: Option<Failure>,
}

impl Live for RemoteMachine {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn note_products(&mut self, packages: Vec<String>) {
        self.facts.products = packages;
    }

    fn record(&self) -> MachineRecord {
        MachineRecord {
            id: self.id.clone(),
            image: self.remote.name.clone(),
            channel: Some("ssh".to_owned()),
            boot_seconds: Some(self.boot_seconds),
            rescues: self.guest.stats().rescues,
            ..MachineRecord::default()
        }
    }

    fn deadline_scale(&self) -> f64 {
        1.0
    }

    async fn batch(&self, requests: Vec<Request>) -> Result<Vec<Reply>, Failure> {
        let answers: Result<Vec<Reply>, _> = self.guest.batch(requests).await.into_iter().collect();
        answers.map_err(|error| Failure::from(&error))
    }

    async fn commands(&self, requests: Vec<Request>) -> Result<Vec<Reply>, Failure> {
        let answers: Result<Vec<Reply>, _> = self.guest.commands(requests).await.into_iter().collect();
        answers.map_err(|error| Failure::from(&error))
    }

    async fn log_in(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    fn findings(&mut self) -> Vec<Finding> {
        Vec::new()
    }

    /// What becomes of the machine shows only in answers that do not come.
    async fn death(&self) -> Failure {
        match &self.unproven {
            Some(failure) => failure.clone(),
            None => std::future::pending().await,
        }
    }

    async fn reboot(&mut self, how: RebootKind, limit: Option<Duration>) -> Result<Rebooted, Failure> {
        let begun = tokio::time::Instant::now();
        let deadline = begun + limit.unwrap_or(SETTLE);
        let rebooted = rebooted(&self.guest, &self.facts, how, deadline).await;
        match rebooted {
            Ok((facts, remarks)) => {
                let products = std::mem::take(&mut self.facts.products);
                self.facts = Facts { products, ..facts };
                Ok(Rebooted { seconds: begun.elapsed().as_secs_f64(), remarks })
            }
            Err(failure) => {
                self.unproven = Some(failure.clone());
                Err(failure)
            }
        }
    }

    fn refusal(&self, planned: &Planned) -> Option<Failure> {
        let machines = planned.test().machines.len();
        if machines > 1 {
            let text = format!("it needs {machines} machines that are connected, and `--connect` names one");
            return Some(Failure::new(failure::SKIP_MACHINE, text));
        }
        if let Some(why) = impossible_reboot(&planned.suite, planned) {
            return Some(Failure::new(failure::SKIP_MACHINE, why));
        }
        if !planned.test().machine.is_plain() {
            return Some(Failure::new(failure::SKIP_MACHINE, "it needs a machine of a shape that is made for it"));
        }
        let why = wants_its_own(planned).filter(|_| !self.remote.allow_changes)?;
        let text = format!("{why}, and {} is not muster's; `--allow-changes` runs it all the same", self.remote.shown);
        Some(Failure::new(failure::SKIP_MACHINE, text))
    }

    fn seen_from_start(&self) -> bool {
        false
    }

    fn blind(&self) -> Vec<String> {
        self.blind.clone()
    }

    async fn stop(self, _: Stop) -> (MachineRecord, Vec<Finding>) {
        self.guest.close().await;
        (MachineRecord { end: Some("left running".to_owned()), ..self.record() }, Vec::new())
    }
}

/// A machine elsewhere that is being rebooted: nothing but its answers tells how it is.
struct Rebooting<'m> {
    guest: &'m Guest,
    facts: &'m Facts,
    how: RebootKind,
}

async fn rebooted(
    guest: &Guest,
    facts: &Facts,
    how: RebootKind,
    deadline: tokio::time::Instant,
) -> Result<(Facts, Vec<String>), Failure> {
    if how != RebootKind::Soft {
        return Err(Failure::new(failure::REBOOT_REFUSED, "a machine of `--connect` can only be rebooted with `soft`"));
    }
    let boot_ids = reboot::follow(&Rebooting { guest, facts, how }, &facts.boot_id, deadline).await?;
    let facts = facts::collect(guest, 1.0).await;
    let facts = facts.map_err(|error| Failure::from(&error))?;
    let journal = reboot::journal_boots(guest, &facts, 1.0).await;
    let remarks = evidence::evaluate(how, &Evidence { boot_ids, journal, ..Evidence::default() })?;
    Ok((facts, remarks))
}

impl Subject for Rebooting<'_> {
    async fn request(&self) -> Result<(), Failure> {
        reboot::reboot_by_guest(self.guest, self.facts, self.how, 1.0).await
    }

    async fn boot_id(&self) -> Result<String, Silent> {
        reboot::boot_id(self.guest, 1.0).await
    }

    async fn reconnect(&self, deadline: tokio::time::Instant) -> Result<(), Failure> {
        reboot::reconnect(self.guest, deadline).await
    }

    async fn settle(&self, deadline: tokio::time::Instant) -> Result<Result<(), Silent>, Failure> {
        reboot::settle(self.guest, 1.0, deadline).await
    }

    async fn reset(&self) {
        std::future::pending().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_engine::{fake, plan};
    use muster_suite::model::Test;
    use muster_suite::select::TestIndex;
    use std::sync::Arc;

    fn planned(test: Test) -> Planned {
        Planned { suite: fake::suite(vec![test]), index: 0 }
    }

    #[test]
    fn a_test_that_only_looks_is_harmless_and_every_other_says_why_it_is_not() {
        assert_eq!(wants_its_own(&planned(fake::test("look", &[], &[]))), None);
        let steps = wants_its_own(&planned(fake::test("steps", &[], &["true"])));
        assert_eq!(steps, Some("it has steps, which may change the machine"));
        let fresh = Test { guest: GuestMode::Fresh, ..fake::test("fresh", &[], &[]) };
        assert_eq!(wants_its_own(&planned(fresh)), Some("it needs a machine of its own"));
        let mut suite = Suite::clone(&fake::suite(vec![fake::test("look", &[], &[])]));
        suite.setup = fake::test("x", &[], &["true"]).steps;
        let setup = wants_its_own(&Planned { suite: Arc::new(suite), index: 0 });
        assert_eq!(setup, Some("its suite has a setup or a teardown, which may change the machine"));
    }

    #[test]
    fn only_a_soft_reboot_can_be_done_from_afar() {
        let why = |command| {
            let planned = planned(fake::test("reboot", &[], &["true", command]));
            impossible_reboot(&planned.suite, &planned)
        };
        assert_eq!(why("(reboot soft)"), None);
        assert!(why("(reboot hard)").is_some_and(|why| why.contains("reset button")));
    }

    #[test]
    fn everything_shares_the_one_machine_that_there_is() {
        let fresh = Test { guest: GuestMode::Fresh, ..fake::test("fresh", &[], &[]) };
        let suite = fake::suite(vec![fresh, fake::test("look", &[], &[])]);
        let all = TestIndex::all_of(0, &suite.tests).collect();
        let plan = plan::plan(&[suite], &all, vec!["remote".into()]);
        assert_eq!(plan.groups.len(), 2);
        let plan = on_one_machine(plan);
        assert_eq!((plan.groups.len(), plan.groups[0].tests.len(), changing_tests(&plan)), (1, 2, 1));
    }
}
