//! Which accelerator runs the guests. `/dev/kvm` can exist, open and answer, and still interpret
//! every instruction a thousand times too slowly, as some nested hosts do; so KVM is asked to work
//! before it is trusted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use super::MachineError;
use super::kvm_probe::{self, Trouble};
use muster_base::machine::Arch;

/// Deadlines are stated for KVM. Emulation took four to nine times as long for the boots we have
/// seen (a Debian cloud image: 33 to 47 s against about 5 s), so 8 keeps an honest boot inside its
/// deadline without letting a dead one wait much longer than it must.
const TCG_DEADLINE_SCALE: f64 = 8.0;

/// How slow emulation is, in the words of every message and page: what was measured of boots.
pub const EMULATION: &str = "4 to 9 times as long";

/// The million-iteration loop takes about a millisecond on KVM that works and more than a second on
/// KVM that interprets.
const LOOP_DEADLINE: Duration = Duration::from_millis(250);

/// How long a probe may wait for a processor on a crowded host before nothing is concluded from it.
const PATIENCE: Duration = Duration::from_secs(3);

muster_base::words! {
    /// What the person wants.
    #[derive(Default)]
    AccelRequest {
        /// KVM where it works, else emulation, and say which.
        #[default]
        Auto = "auto",
        /// KVM or an error.
        Kvm = "kvm",
        /// Emulation, without a probe.
        Tcg = "tcg",
    }
}

/// What runs the guests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccelKind {
    /// Hardware virtualisation.
    Kvm,
    /// QEMU's emulation.
    Tcg,
}

impl AccelKind {
    /// `kvm` or `tcg`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kvm => "kvm",
            Self::Tcg => "tcg",
        }
    }
}

/// What was chosen and why.
#[derive(Debug, Clone, PartialEq)]
pub struct AccelProbe {
    /// What runs the guests.
    pub kind: AccelKind,
    /// One line for every report.
    pub reason: String,
    /// Nanoseconds the loop took; absent when it was not run or did not end in time.
    pub loop_ns: Option<u64>,
    /// By how much deadlines are stretched: 1 with KVM.
    pub deadline_scale: f64,
}

/// The accelerator of a run.
pub type Accel = AccelProbe;

impl AccelProbe {
    /// A deadline that was stated for KVM, stretched for this accelerator.
    pub(crate) fn scaled(&self, deadline: Duration) -> Duration {
        deadline.mul_f64(self.deadline_scale)
    }

    /// The accelerator for guests of that architecture: KVM only runs those of the host's own.
    pub fn for_arch(&self, arch: Arch) -> Self {
        if self.kind == AccelKind::Tcg || arch.name() == std::env::consts::ARCH {
            return self.clone();
        }
        tcg(format!("an {arch} guest is emulated on this {} host", std::env::consts::ARCH), self.loop_ns)
    }
}

/// Chooses the accelerator, probing KVM unless emulation was requested. Blocks for a millisecond on
/// a healthy host, for a quarter of a second where KVM interprets.
pub fn choose(request: AccelRequest) -> Result<Accel, MachineError> {
    if request == AccelRequest::Tcg {
        return Ok(tcg("emulation was requested".to_owned(), None));
    }
    let answer = probe_kvm();
    match (describe(&answer), request) {
        ((AccelKind::Kvm, reason), _) => {
            let loop_ns = answer.ok().map(|took| took.as_nanos() as u64);
            Ok(Accel { kind: AccelKind::Kvm, reason, loop_ns, deadline_scale: 1.0 })
        }
        ((AccelKind::Tcg, reason), AccelRequest::Kvm) => Err(MachineError::Accelerator { wanted: "kvm", reason }),
        ((AccelKind::Tcg, reason), _) => Ok(tcg(reason, answer.ok().map(|took| took.as_nanos() as u64))),
    }
}

fn tcg(reason: String, loop_ns: Option<u64>) -> Accel {
    Accel { kind: AccelKind::Tcg, reason, loop_ns, deadline_scale: TCG_DEADLINE_SCALE }
}

/// What the probe's answer means for the guests, and the line that says so.
fn describe(answer: &Result<Duration, Trouble>) -> (AccelKind, String) {
    let why_not = match answer {
        Ok(took) if *took < LOOP_DEADLINE => {
            return (AccelKind::Kvm, format!("KVM works: a million loops took {:.1} ms", took.as_secs_f64() * 1e3));
        }
        Ok(took) => interprets(&format!("a million loops took {:.2} s", took.as_secs_f64())),
        Err(Trouble::Absent) => "there is no /dev/kvm on this host".to_owned(),
        Err(Trouble::Forbidden { group: Some(group) }) => format!(
            "/dev/kvm may not be opened by this user; join its group: `sudo usermod -aG {group} \"$USER\"`, then log in again"
        ),
        Err(Trouble::Forbidden { group: None }) => {
            "/dev/kvm may not be opened by this user, and it has no group to join; open it to all, as systemd's own \
             rule does: `sudo chmod 0666 /dev/kvm`"
                .to_owned()
        }
        Err(Trouble::Busy) => "/dev/kvm is in use by another hypervisor".to_owned(),
        Err(Trouble::Refused { call, error }) => format!("KVM refused {call}: {error}"),
        Err(Trouble::Strange { exit }) => format!("KVM ran the probe wrongly: it ended with {exit}"),
        Err(Trouble::Slow { spent }) => {
            interprets(&format!("a million loops were not done after {:.2} s", spent.as_secs_f64()))
        }
        Err(Trouble::Starved) => format!("the probe of KVM got no processor time within {} s", PATIENCE.as_secs()),
    };
    (AccelKind::Tcg, why_not)
}

fn interprets(measured: &str) -> String {
    format!("/dev/kvm exists but interprets instructions: {measured}, where about 1 ms is normal")
}

/// Runs the probe on a thread of its own. `KVM_RUN` cannot be left from outside without a signal
/// handler, so a thread that misses the deadline is told to give up and left to end by itself: it looks
/// after each part of its work, owns all it touches, and process exit does not wait for it. A child
/// process would need the probe in every program that links this library.
fn probe_kvm() -> Result<Duration, Trouble> {
    let given_up = Arc::new(AtomicBool::new(false));
    let answer = wait_for_probe(given_up.clone());
    given_up.store(true, Ordering::Relaxed);
    answer
}

fn wait_for_probe(given_up: Arc<AtomicBool>) -> Result<Duration, Trouble> {
    let (answer, answers) = channel();
    let (number, numbers) = channel();
    let began = Instant::now();
    let thread = std::thread::Builder::new().name("kvm-probe".to_owned()).spawn(move || {
        let _ = number.send(rustix::thread::gettid());
        let _ = answer.send(kvm_probe::run(&given_up));
    });
    if let Err(error) = thread {
        return Err(Trouble::Refused { call: "a probe thread", error: error.to_string() });
    }
    let tid = numbers.recv().ok();
    loop {
        match answers.recv_timeout(LOOP_DEADLINE) {
            Ok(answer) => return answer,
            Err(RecvTimeoutError::Disconnected) => return Err(Trouble::Strange { exit: "a crash".to_owned() }),
            Err(RecvTimeoutError::Timeout) => {}
        }
        // On a crowded host the thread may simply not have run: only time on a processor counts.
        match tid.and_then(processor_time) {
            Some(spent) if spent < LOOP_DEADLINE * 4 / 5 => {
                if began.elapsed() > PATIENCE {
                    return Err(Trouble::Starved);
                }
            }
            Some(spent) => return Err(Trouble::Slow { spent }),
            None => return Err(Trouble::Slow { spent: began.elapsed() }),
        }
    }
}

/// Time a thread of this process has spent on a processor (first field of schedstat, nanoseconds).
fn processor_time(tid: rustix::process::Pid) -> Option<Duration> {
    let text = std::fs::read_to_string(format!("/proc/self/task/{}/schedstat", tid.as_raw_nonzero())).ok()?;
    text.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_has_its_own_sentence() {
        assert_eq!(
            describe(&Ok(Duration::from_micros(1100))),
            (AccelKind::Kvm, "KVM works: a million loops took 1.1 ms".to_owned())
        );
        assert_eq!(
            describe(&Ok(Duration::from_millis(1270))),
            (
                AccelKind::Tcg,
                "/dev/kvm exists but interprets instructions: a million loops took 1.27 s, where about 1 ms is normal"
                    .to_owned()
            )
        );
        assert_eq!(describe(&Err(Trouble::Absent)), (AccelKind::Tcg, "there is no /dev/kvm on this host".to_owned()));
        let (_, forbidden) = describe(&Err(Trouble::Forbidden { group: Some("kvm".to_owned()) }));
        assert!(forbidden.contains("sudo usermod -aG kvm"), "{forbidden}");
    }

    #[test]
    fn emulation_on_request_needs_no_probe_and_stretches_deadlines() {
        let accel = choose(AccelRequest::Tcg).unwrap();
        assert_eq!((accel.kind, accel.loop_ns), (AccelKind::Tcg, None));
        assert_eq!(accel.scaled(Duration::from_secs(2)), Duration::from_secs(16));
    }
}
