//! A running machine: what it is doing, and how it is ended.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::console::Console;
use super::process::{Handle, KillOnDrop, Process};
use super::qmp::{Qmp, QmpEvent};

/// How long QEMU may take to obey `quit` or SIGTERM, before scaling.
const OBEY: Duration = Duration::from_secs(2);

/// What a machine is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MachineState {
    /// Its guest executes.
    Running {
        /// How often the guest reset itself since its start. Firmware may do so once before it boots;
        /// a number that grows after the login is a reboot.
        resets: u32,
    },
    /// Its kernel reported a panic through pvpanic. The guest may still be printing its trace.
    Panicked,
    /// The guest powered itself off, or did as it was asked.
    PoweredOff,
    /// QEMU ended otherwise.
    Exited {
        /// `exit status: 1`, `signal: 9 (SIGKILL)`.
        status: String,
        /// The last line of qemu.log, harmless; empty when it said nothing.
        message: String,
    },
}

/// What QEMU has reported since the machine's start, whatever became of it. Never decreases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Resets that the guest caused: its kernel, its firmware, its boot loader.
    pub resets_by_guest: u32,
    /// Resets from outside.
    pub resets_by_host: u32,
    /// Panics that a kernel reported through pvpanic.
    pub panics: u32,
}

impl Tally {
    fn count(&mut self, event: &QmpEvent) -> bool {
        let by_guest = event.data.get("guest") == Some(&Value::Bool(true));
        let counter = match event.name.as_str() {
            "RESET" if by_guest => &mut self.resets_by_guest,
            "RESET" => &mut self.resets_by_host,
            "GUEST_PANICKED" | "GUEST_CRASHLOADED" => &mut self.panics,
            _ => return false,
        };
        *counter = counter.saturating_add(1);
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
        /// The last line of qemu.log, harmless; empty when it said nothing.
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
    id: String,
    port: u16,
    console: Console,
    qmp: Qmp,
    state: watch::Receiver<MachineState>,
    news: News,
    handle: Handle,
    started: Instant,
    scale: f64,
    supervisor: JoinHandle<()>,
    // Last, so that the process dies after everything else has been let go.
    _guard: KillOnDrop,
}

/// What a started machine is made of.
pub(super) struct Parts {
    pub id: String,
    pub port: u16,
    pub console: Console,
    pub process: Process,
    pub qmp: Qmp,
    pub events: mpsc::UnboundedReceiver<QmpEvent>,
    pub started: Instant,
    pub scale: f64,
    pub log: PathBuf,
}

impl Machine {
    pub(super) fn new(parts: Parts) -> Self {
        let handle = parts.process.handle();
        let (sender, state) = watch::channel(MachineState::Running { resets: 0 });
        let news = News { state: sender, tally: watch::Sender::new(Tally::default()) };
        let supervisor = tokio::spawn(supervise(parts.process, parts.events, news.clone(), parts.log));
        Self {
            id: parts.id,
            port: parts.port,
            console: parts.console,
            qmp: parts.qmp,
            state,
            news,
            started: parts.started,
            scale: parts.scale,
            supervisor,
            _guard: KillOnDrop(handle.clone()),
            handle,
        }
    }

    /// Unique in the run.
    pub fn id(&self) -> &str {
        &self.id
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

    /// What it is doing, and every change of that.
    pub fn state(&self) -> watch::Receiver<MachineState> {
        self.state.clone()
    }

    /// What QEMU has reported so far, and every change of that.
    pub fn tally(&self) -> watch::Receiver<Tally> {
        self.news.tally.subscribe()
    }

    /// A panic that was provoked on purpose is over: the guest executes again. Call it once the guest
    /// has come back; a machine that has ended stays ended.
    pub fn recovered(&self) {
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
    pub fn qmp(&self) -> &Qmp {
        &self.qmp
    }

    /// Asks the guest to power off and waits for at most `deadline` (stated for KVM, scaled here);
    /// then QMP `quit`, SIGTERM, SIGKILL. Returns when the process is gone and its console is read.
    pub async fn power_down(self, deadline: Duration) -> MachineEnd {
        if let Some(end) = self.already_over() {
            return self.gone(end).await;
        }
        // Nobody is left who could hear the request: waiting for it would be in vain.
        let hopeless = self.deaf();
        let asked = !hopeless && self.qmp.execute("system_powerdown", json!({}), self.scaled(OBEY)).await.is_ok();
        if asked && self.over_within(self.scaled(deadline)).await {
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
        let said = fatal.borrow().as_ref().map(|finding| finding.category);
        matches!(said, Some("kernel-panic" | "init-crash" | "boot-loader"))
            || *self.state.borrow() == MachineState::Panicked
    }

    fn already_over(&self) -> Option<MachineEnd> {
        match &*self.state.borrow() {
            MachineState::PoweredOff => Some(MachineEnd::PoweredOff),
            MachineState::Exited { status, message } => {
                Some(MachineEnd::Exited { status: status.clone(), message: message.clone() })
            }
            MachineState::Running { .. } | MachineState::Panicked => None,
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
        self.tally.send_if_modified(|tally| tally.count(event));
        self.state.send_if_modified(|state| advance(state, event));
    }
}

/// Owns the process until its end and turns events into states.
async fn supervise(mut process: Process, mut events: mpsc::UnboundedReceiver<QmpEvent>, news: News, log: PathBuf) {
    let mut listening = true;
    let status = loop {
        tokio::select! {
            // Events first: the one that explains the end comes before it.
            biased;
            event = events.recv(), if listening => match event {
                Some(event) => news.take(&event),
                None => listening = false,
            },
            status = process.wait() => break status,
        }
    };
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
        _ => return false,
    };
    *state = next;
    true
}

/// The last line of a log that is not blank, harmless and bounded. QEMU's log is short; only its end
/// is read in any case.
pub(super) fn last_line(log: &Path) -> Option<String> {
    use std::io::{Read, Seek, SeekFrom};
    let mut file = std::fs::File::open(log).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(4096))).ok()?;
    let mut end = Vec::new();
    file.take(4096).read_to_end(&mut end).ok()?;
    let text = String::from_utf8_lossy(&end);
    text.lines().rev().find(|line| !line.trim().is_empty()).map(|line| crate::text::one_line(line, 300))
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
        assert_eq!(after(&[("SHUTDOWN", json!(7))]), MachineState::Running { resets: 0 });
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
        assert_eq!(tally, Tally { resets_by_guest: 2, resets_by_host: 2, panics: 1 });
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
