//! A running machine: what it is doing, and how it is ended.

use std::net::{Ipv4Addr, Shutdown, SocketAddr};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::command_line::SEGMENT_NIC;
use super::last_line::last_line;
use super::machine_files::MachineFiles;
use super::meter::{Count, Meter};
use super::network::segment::Port;
use super::network::{Link, Network};
use super::process::{Handle, KillOnDrop, Process};
use super::qmp::{Qmp, QmpError, QmpEvent};
use super::tpm::Tpm;
use super::warm_ports::warm_port_id;
use muster_console::Console;

/// How long QEMU may take to obey `quit` or SIGTERM, before scaling.
const OBEY: Duration = Duration::from_secs(2);

/// What a machine is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MachineState {
    /// Its guest executes.
    Running {
        /// How often the guest reset itself since its start. Firmware may do so once before it boots;
        /// a number that grows after the login is a reboot.
        resets: u32,
    },
    /// Its kernel reported a panic through pvpanic. The guest may still be printing its trace.
    Panicked,
    /// The host has no room for what the guest writes to its disk: QEMU has paused it.
    DiskFull,
    /// The guest powered itself off, or did as it was asked.
    PoweredOff,
    /// QEMU ended otherwise.
    Exited {
        /// `exit status: 1`, `signal: 9 (SIGKILL)`.
        status: String,
        /// The last line of qemu.log, escaped; empty when it said nothing.
        message: String,
    },
}

/// What QEMU has reported since the machine's start, whatever became of it. Never decreases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tally {
    /// Resets that the guest caused: its kernel, its firmware, its boot loader.
    pub resets_by_guest: u32,
    /// Resets from outside.
    pub resets_by_host: u32,
    /// Panics that a kernel reported through pvpanic.
    pub panics: u32,
    /// When the last reset was reported, whoever caused it.
    pub last_reset: Option<Instant>,
}

impl Tally {
    /// Resets, whoever caused them.
    pub(crate) fn resets(&self) -> u32 {
        self.resets_by_guest.saturating_add(self.resets_by_host)
    }

    fn count(&mut self, event: &QmpEvent) -> bool {
        let by_guest = event.data.get("guest") == Some(&Value::Bool(true));
        let counter = match event.name.as_str() {
            "RESET" if by_guest => &mut self.resets_by_guest,
            "RESET" => &mut self.resets_by_host,
            "GUEST_PANICKED" | "GUEST_CRASHLOADED" => &mut self.panics,
            _ => return false,
        };
        *counter = counter.saturating_add(1);
        if event.name == "RESET" {
            self.last_reset = Some(Instant::now());
        }
        true
    }
}

/// How a machine ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MachineEnd {
    /// The guest powered off.
    PoweredOff,
    /// It did not power off in time and was stopped: what the guest had not written is lost.
    Stopped,
    /// It was killed.
    Killed,
    /// It had ended by itself before.
    Exited {
        /// `exit status: 1`, `signal: 9 (SIGKILL)`.
        status: String,
        /// The last line of qemu.log, escaped; empty when it said nothing.
        message: String,
    },
}

impl std::fmt::Display for MachineEnd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::PoweredOff => f.write_str("powered-off"),
            Self::Stopped => f.write_str("stopped"),
            Self::Killed => f.write_str("killed"),
            Self::Exited { status, message } if message.is_empty() => write!(f, "exited: {status}"),
            Self::Exited { status, message } => write!(f, "exited: {status}: {message}"),
        }
    }
}

/// A running machine. Dropping it kills its QEMU.
#[derive(Debug)]
pub struct Machine {
    files: MachineFiles,
    pid: u32,
    warm: [UnixStream; 2],
    port: u16,
    console: Console,
    meter: Option<Meter>,
    qmp: Qmp,
    state: watch::Receiver<MachineState>,
    news: News,
    handle: Handle,
    started: Instant,
    scale: f64,
    supervisor: JoinHandle<()>,
    _link: Option<Link>,
    segment: Option<Port>,
    // So that the process dies after everything else has been let go.
    _guard: KillOnDrop,
    // After QEMU, which would complain about a TPM that ends first.
    _tpm: Option<Tpm>,
}

/// What a started machine is made of.
pub(super) struct Parts {
    pub files: MachineFiles,
    pub warm: [UnixStream; 2],
    pub port: u16,
    pub console: Console,
    pub meter: Option<Meter>,
    pub process: Process,
    pub qmp: Qmp,
    pub events: mpsc::UnboundedReceiver<QmpEvent>,
    pub started: Instant,
    pub scale: f64,
    pub log: PathBuf,
    pub tpm: Option<Tpm>,
    pub link: Option<Link>,
    pub segment: Option<Port>,
}

/// Puts the cable to other machines in, or pulls it out, as the guest sees it.
pub(super) async fn set_segment_link(qmp: &Qmp, up: bool, deadline: Duration) -> Result<(), QmpError> {
    qmp.execute("set_link", json!({"name": SEGMENT_NIC, "up": up}), deadline).await.map(drop)
}

impl Machine {
    pub(super) fn new(parts: Parts) -> Self {
        let handle = parts.process.handle();
        let pid = parts.process.pid();
        let (sender, state) = watch::channel(MachineState::Running { resets: 0 });
        // Copies that only close: a port whose shell has ended would otherwise be waited for in vain.
        let ports = parts.warm.each_ref().map(|port| port.try_clone().ok());
        let news = News { state: sender, tally: watch::Sender::new(Tally::default()) };
        let supervisor = tokio::spawn(supervise(parts.process, parts.events, news.clone(), parts.log, ports));
        Self {
            files: parts.files,
            pid,
            warm: parts.warm,
            port: parts.port,
            console: parts.console,
            meter: parts.meter,
            qmp: parts.qmp,
            state,
            news,
            started: parts.started,
            scale: parts.scale,
            supervisor,
            _link: parts.link,
            segment: parts.segment,
            _guard: KillOnDrop(handle.clone()),
            _tpm: parts.tpm,
            handle,
        }
    }

    /// Unique in the run.
    pub fn id(&self) -> &str {
        &self.files.description.id
    }

    /// What its guest can reach.
    pub(crate) fn network(&self) -> Network {
        self.files.description.network
    }

    /// Of its QEMU.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Our ends of the ports of a warm shell, for whoever talks to it. The machine keeps its own: a
    /// guest would take their end for the end of its input.
    pub(crate) fn warm_ports(&self) -> std::io::Result<[UnixStream; 2]> {
        let [input, errors] = &self.warm;
        Ok([input.try_clone()?, errors.try_clone()?])
    }

    /// KiB of memory that only this machine has: what it would give back by ending. `None` when the
    /// kernel does not say, or it has ended.
    pub(crate) fn private_kib(&self) -> Option<u64> {
        private_kib(&std::fs::read_to_string(format!("/proc/{}/smaps_rollup", self.pid)).ok()?)
    }

    /// Our end of the cable to other machines of its test, if it has one.
    pub(crate) fn segment(&self) -> Option<&Port> {
        self.segment.as_ref()
    }

    /// Puts that cable in, or pulls it out, as the guest sees it.
    pub(crate) async fn plug(&self, plugged: bool) -> Result<(), QmpError> {
        set_segment_link(&self.qmp, plugged, self.scaled(OBEY)).await
    }

    pub(super) fn files(&self) -> &MachineFiles {
        &self.files
    }

    pub(super) fn scale(&self) -> f64 {
        self.scale
    }

    /// Where the guest's SSH port is forwarded from. QEMU accepts connections here before the guest
    /// does: only a banner means that sshd is up.
    pub fn ssh_addr(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// What the guest prints.
    pub fn console(&self) -> &Console {
        &self.console
    }

    /// What had been executed, by moment; empty when it is not counted.
    pub(crate) fn counts(&self) -> Vec<Count> {
        self.meter.as_ref().map(Meter::counts).unwrap_or_default()
    }

    /// What it is doing, and every change of that.
    pub(crate) fn state(&self) -> watch::Receiver<MachineState> {
        self.state.clone()
    }

    /// What QEMU has reported so far, and every change of that.
    pub(crate) fn tally(&self) -> watch::Receiver<Tally> {
        self.news.tally.subscribe()
    }

    /// A panic that was provoked on purpose is over: the guest executes again. Call it once the guest
    /// has come back; a machine that has ended stays ended.
    pub(crate) fn recovered(&self) {
        let resets = self.news.tally.borrow().resets_by_guest;
        self.news.state.send_if_modified(|state| {
            let panicked = *state == MachineState::Panicked;
            if panicked {
                *state = MachineState::Running { resets };
            }
            panicked
        });
    }

    /// When QEMU was started.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// The control connection, for what this type has no word for.
    pub(crate) fn qmp(&self) -> &Qmp {
        &self.qmp
    }

    /// Asks the guest to power off and waits for at most `deadline` (stated for KVM, scaled here);
    /// then QMP `quit`, SIGTERM, SIGKILL. Returns when the process is gone and its console is read.
    pub(crate) async fn power_down(self, deadline: Duration) -> MachineEnd {
        if let Some(end) = self.already_over() {
            return self.gone(end).await;
        }
        // Nobody is left who could hear the request: waiting for it would be in vain.
        let hopeless = self.deaf();
        let accepted = !hopeless && self.qmp.execute("system_powerdown", json!({}), self.scaled(OBEY)).await.is_ok();
        if accepted && self.over_within(self.scaled(deadline)).await {
            let end = self.already_over().unwrap_or(MachineEnd::Stopped);
            return self.gone(end).await;
        }
        // The answer may be lost with the process; only its end counts.
        let _ = self.qmp.execute("quit", json!({}), self.scaled(OBEY)).await;
        if self.over_within(self.scaled(OBEY)).await {
            return self.gone(MachineEnd::Stopped).await;
        }
        self.handle.signal(Signal::TERM);
        if self.over_within(self.scaled(OBEY)).await {
            return self.gone(MachineEnd::Stopped).await;
        }
        self.handle.signal(Signal::KILL);
        self.gone(MachineEnd::Killed).await
    }

    /// Ends QEMU in good order without asking the guest, so that its files are whole.
    pub(super) async fn quit(self) {
        // The answer may be lost with the process; only its end counts.
        let _ = self.qmp.execute("quit", json!({}), self.scaled(OBEY)).await;
        let end = if self.over_within(self.scaled(OBEY)).await { MachineEnd::Stopped } else { MachineEnd::Killed };
        self.handle.signal(Signal::KILL);
        self.gone(end).await;
    }

    /// Ends it at once.
    pub async fn kill(self) -> MachineEnd {
        let end = self.already_over().unwrap_or(MachineEnd::Killed);
        self.handle.signal(Signal::KILL);
        self.gone(end).await
    }

    fn scaled(&self, deadline: Duration) -> Duration {
        deadline.mul_f64(self.scale)
    }

    /// Whether the guest can no longer obey: its kernel panicked, its init gave up, or no kernel was
    /// ever started. An emergency shell still listens.
    fn deaf(&self) -> bool {
        let fatal = self.console.fatal();
        let said = fatal.borrow().as_ref().map(|finding| finding.category.clone());
        matches!(said.as_deref(), Some("kernel-panic" | "init-crash" | "boot-loader"))
            || matches!(*self.state.borrow(), MachineState::Panicked | MachineState::DiskFull)
    }

    fn already_over(&self) -> Option<MachineEnd> {
        match &*self.state.borrow() {
            MachineState::PoweredOff => Some(MachineEnd::PoweredOff),
            MachineState::Exited { status, message } => {
                Some(MachineEnd::Exited { status: status.clone(), message: message.clone() })
            }
            MachineState::Running { .. } | MachineState::Panicked | MachineState::DiskFull => None,
        }
    }

    /// Whether the process ends within the time.
    async fn over_within(&self, deadline: Duration) -> bool {
        let mut state = self.state.clone();
        let over = state.wait_for(|state| matches!(state, MachineState::PoweredOff | MachineState::Exited { .. }));
        matches!(tokio::time::timeout(deadline, over).await, Ok(Ok(_)))
    }

    /// Waits for the process to be reaped and the console to be read to its end. A killed process
    /// that the kernel cannot end (stuck in I/O) must not hold up the run.
    async fn gone(self, end: MachineEnd) -> MachineEnd {
        let Self { console, handle, supervisor, scale, .. } = self;
        let patience = OBEY.mul_f64(scale);
        let mut supervisor = supervisor;
        if tokio::time::timeout(patience, &mut supervisor).await.is_err() {
            handle.signal(Signal::KILL);
            let _ = tokio::time::timeout(patience, &mut supervisor).await;
        }
        let _ = tokio::time::timeout(patience, console.closed()).await;
        end
    }
}

/// Where the supervisor writes what it learns.
#[derive(Debug, Clone)]
struct News {
    state: watch::Sender<MachineState>,
    tally: watch::Sender<Tally>,
}

impl News {
    fn take(&self, event: &QmpEvent) {
        // A guest chooses how often it does this: not more than a line each.
        tracing::debug!(event = %event.name, data = %event.data, "QMP");
        self.tally.send_if_modified(|tally| tally.count(event));
        self.state.send_if_modified(|state| advance(state, event));
    }
}

/// Owns the process until its end and turns events into states.
async fn supervise(
    mut process: Process,
    mut events: mpsc::UnboundedReceiver<QmpEvent>,
    news: News,
    log: PathBuf,
    mut ports: [Option<UnixStream>; 2],
) {
    let mut listening = true;
    let status = loop {
        tokio::select! {
            // Events first: the one that explains the end comes before it.
            biased;
            event = events.recv(), if listening => match event {
                Some(event) => {
                    if shell_has_ended(&event) {
                        for port in ports.iter_mut().filter_map(Option::take) {
                            let _ = port.shutdown(Shutdown::Both);
                        }
                    }
                    news.take(&event);
                }
                None => listening = false,
            },
            status = process.wait() => break status,
        }
    };
    tracing::debug!(?status, log = %log.display(), "QEMU has ended");
    // The connection ends with the process, but what was said last may still be on its way, and the
    // event that explains the end is said last.
    let rest = async {
        while let Some(event) = events.recv().await {
            news.take(&event);
        }
    };
    let _ = tokio::time::timeout(OBEY, rest).await;
    news.state.send_if_modified(|state| match state {
        MachineState::PoweredOff => false,
        _ => {
            let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
            *state = MachineState::Exited { status, message: last_line(&log).unwrap_or_default() };
            true
        }
    });
}

/// Whether the guest closed a port of its warm shell.
fn shell_has_ended(event: &QmpEvent) -> bool {
    let is_ours = |id: &Value| (0..2).any(|number| id.as_str() == Some(&warm_port_id(number)));
    event.name == "VSERPORT_CHANGE"
        && event.data.get("open") == Some(&Value::Bool(false))
        && event.data.get("id").is_some_and(is_ours)
}

/// Whether the event changes the state. A guest that was shut down from the outside ends without
/// being counted as powered off.
fn advance(state: &mut MachineState, event: &QmpEvent) -> bool {
    let by_guest = event.data.get("guest") == Some(&Value::Bool(true));
    let next = match (event.name.as_str(), &*state) {
        ("SHUTDOWN", _) if by_guest => MachineState::PoweredOff,
        ("RESET", MachineState::Running { resets }) if by_guest => {
            MachineState::Running { resets: resets.saturating_add(1) }
        }
        ("GUEST_PANICKED" | "GUEST_CRASHLOADED", MachineState::Running { .. }) => MachineState::Panicked,
        // QEMU's way with a full disk: the guest stands still until there is room, which nobody makes.
        ("BLOCK_IO_ERROR", MachineState::Running { .. }) if no_room(event) => MachineState::DiskFull,
        _ => return false,
    };
    *state = next;
    true
}

fn no_room(event: &QmpEvent) -> bool {
    event.data.get("nospace") == Some(&Value::Bool(true)) && event.data.get("action") == Some(&Value::from("stop"))
}

/// The private pages of `smaps_rollup`.
fn private_kib(rollup: &str) -> Option<u64> {
    let of = |name: &str| {
        let line = rollup.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()
    };
    Some(of("Private_Clean:")? + of("Private_Dirty:")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(events: &[(&str, Value)]) -> MachineState {
        let mut state = MachineState::Running { resets: 0 };
        for (name, data) in events {
            advance(&mut state, &QmpEvent { name: (*name).to_owned(), data: data.clone() });
        }
        state
    }

    #[test]
    fn events_become_states() {
        let guest = json!({"guest": true, "reason": "guest-reset"});
        assert_eq!(after(&[("RESET", guest.clone()), ("RESET", guest.clone())]), MachineState::Running { resets: 2 });
        assert_eq!(after(&[("RESET", json!({"guest": false}))]), MachineState::Running { resets: 0 });
        assert_eq!(
            after(&[("GUEST_PANICKED", json!({"action": "run"})), ("RESET", guest.clone())]),
            MachineState::Panicked
        );
        assert_eq!(after(&[("GUEST_PANICKED", json!({})), ("SHUTDOWN", guest)]), MachineState::PoweredOff);
        assert_eq!(after(&[("SHUTDOWN", json!({"guest": false}))]), MachineState::Running { resets: 0 });
        let full = json!({"action": "stop", "nospace": true, "operation": "write"});
        assert_eq!(after(&[("BLOCK_IO_ERROR", full)]), MachineState::DiskFull);
        let reported = json!({"action": "report", "nospace": true, "operation": "write"});
        assert_eq!(after(&[("BLOCK_IO_ERROR", reported)]), MachineState::Running { resets: 0 });
        assert_eq!(after(&[("SHUTDOWN", json!(7))]), MachineState::Running { resets: 0 });
    }

    #[test]
    fn only_a_closed_port_of_ours_is_the_end_of_its_shell() {
        let event = |open: bool, id: &str| QmpEvent {
            name: "VSERPORT_CHANGE".to_owned(),
            data: json!({"open": open, "id": id}),
        };
        assert!(shell_has_ended(&event(false, "warm1")));
        assert!(!shell_has_ended(&event(true, "warm0")));
        assert!(!shell_has_ended(&event(false, "agent")));
    }

    #[test]
    fn resets_and_panics_are_counted_by_who_caused_them_even_after_a_panic() {
        let mut tally = Tally::default();
        let events = [
            ("RESET", json!({"guest": true, "reason": "guest-reset"})),
            ("GUEST_PANICKED", json!({"action": "run"})),
            ("RESET", json!({"guest": true, "reason": "guest-reset"})),
            ("RESET", json!({"guest": false, "reason": "host-qmp-system-reset"})),
            ("RESET", json!("nonsense")),
            ("STOP", json!({})),
        ];
        for (name, data) in events {
            tally.count(&QmpEvent { name: name.to_owned(), data });
        }
        assert!(tally.last_reset.is_some());
        assert_eq!((tally.resets_by_guest, tally.resets_by_host, tally.panics), (2, 2, 1));
    }

    #[test]
    fn private_memory_is_what_ending_it_gives_back() {
        let rollup = "aaaa-bbbb ---p 0 00:00 0 [rollup]\nPss:  9 kB\nPrivate_Clean:  4 kB\nPrivate_Dirty: 100 kB\n";
        assert_eq!(private_kib(rollup), Some(104));
        assert_eq!(private_kib("Private_Dirty: 100 kB\n"), None);
    }

    #[test]
    fn ends_read_as_words_of_a_record() {
        let exited =
            |message: &str| MachineEnd::Exited { status: "exit status: 1".to_owned(), message: message.to_owned() };
        assert_eq!(exited("no memory").to_string(), "exited: exit status: 1: no memory");
        assert_eq!(exited("").to_string(), "exited: exit status: 1");
        assert_eq!(MachineEnd::PoweredOff.to_string(), "powered-off");
    }
}
