//! The console of a running machine, read by a thread of its own.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::evaluator::{Evaluator, Setting, Step};
use super::findings::Findings;
use super::lines::Piece;
use super::log::{LOG_LIMIT, Log};
use muster_record::finding::{Finding, Severity};

/// Lines that [`Console::excerpt`] can look back on.
const REMEMBERED: usize = 400;

/// Lines of which [`Console::arrivals`] knows when they came, and bytes of each.
const TIMED: usize = 3000;
const TIMED_BYTES: usize = 200;

/// Silence after which an unfinished line is evaluated as it stands.
const PAUSE: Duration = Duration::from_millis(300);

/// A live console. Clones share it; it goes on being readable after its machine has ended.
#[derive(Debug, Clone)]
pub struct Console {
    shared: Arc<Shared>,
    fatal: watch::Sender<Option<Finding>>,
    closed: watch::Receiver<bool>,
}

#[derive(Debug)]
struct Shared {
    seen: Mutex<Seen>,
    /// Whether the evaluator is still to learn of a restart that is meant.
    restart_meant: AtomicBool,
    /// Whether the evaluator is still to learn that somebody has logged in.
    arrived: AtomicBool,
}

#[derive(Debug)]
struct Seen {
    recent: VecDeque<Piece>,
    unfinished: Option<Piece>,
    findings: Findings,
    host_keys: Vec<String>,
    last_output: Instant,
    arrivals: VecDeque<(Instant, String)>,
}

impl Console {
    /// Starts reading the port on a thread of its own, which ends when QEMU closes it. A thread and
    /// not a task, because the guest must be drained however busy the runtime is.
    pub fn start(port: UnixStream, log: File, setting: Setting) -> std::io::Result<Self> {
        port.set_read_timeout(Some(PAUSE))?;
        let fatal = watch::Sender::new(None);
        let (closed_sender, closed) = watch::channel(false);
        let seen = Seen {
            recent: VecDeque::new(),
            unfinished: None,
            findings: Findings::default(),
            host_keys: Vec::new(),
            last_output: Instant::now(),
            arrivals: VecDeque::new(),
        };
        let shared = Arc::new(Shared {
            seen: Mutex::new(seen),
            restart_meant: AtomicBool::new(false),
            arrived: AtomicBool::new(false),
        });
        let reader = Reader {
            shared: shared.clone(),
            fatal: fatal.clone(),
            evaluator: Evaluator::new(setting),
            log: Log::new(log, LOG_LIMIT),
        };
        std::thread::Builder::new().name("console".to_owned()).spawn(move || {
            reader.run(port);
            let _ = closed_sender.send(true);
        })?;
        Ok(Self { shared, fatal, closed })
    }

    /// The first fatal finding, for whoever waits for the guest.
    pub fn fatal(&self) -> watch::Receiver<Option<Finding>> {
        self.fatal.subscribe()
    }

    /// The machine is about to be restarted on purpose. Say it before: the next boot on the console is then
    /// no finding, and one after that is again.
    pub fn announce_restart(&self) {
        self.shared.restart_meant.store(true, Ordering::Release);
    }

    /// Somebody has logged in to the guest: its boot is done, and what complained on the way to it and could
    /// be lowered by a later line is.
    pub fn announce_login(&self) {
        self.shared.arrived.store(true, Ordering::Release);
    }

    /// Waits while the guest is printing: until it was silent for `silence`, at most for `patience`. Returns at
    /// once when it is silent already.
    pub async fn quiet(&self, silence: Duration, patience: Duration) {
        let quiet = async {
            while let Some(left) = silence.checked_sub(self.silence()).filter(|left| !left.is_zero()) {
                tokio::time::sleep(left).await;
            }
        };
        // A guest that prints without end is not waited for.
        let _ = tokio::time::timeout(patience, quiet).await;
    }

    /// A finding that was provoked on purpose: from now on it is only a note, and nobody gives the
    /// machine up because of it. Another fatal finding takes its place where there is one.
    pub fn expected(&self, finding: &Finding) {
        let same = |other: &Finding| (other.line_number, &*other.category) == (finding.line_number, &*finding.category);
        let mut seen = self.seen();
        for known in seen.findings.kept_mut().iter_mut().filter(|known| same(known)) {
            known.severity = Severity::Info;
        }
        let next = seen.findings.kept().iter().find(|known| known.severity == Severity::Fatal).cloned();
        drop(seen);
        self.fatal.send_if_modified(|first| {
            let is_this = first.as_ref().is_some_and(same);
            if is_this {
                *first = next;
            }
            is_this
        });
    }

    /// Final findings so far, at most 50 of a category and severity, in the order in which they became final,
    /// each with the lines around it that have come by now.
    pub fn findings(&self) -> Vec<Finding> {
        self.findings_after(0)
    }

    /// The same without the first `seen`.
    pub fn findings_after(&self, seen: usize) -> Vec<Finding> {
        self.seen().findings.kept().iter().skip(seen).cloned().collect()
    }

    /// The guest's SSH host keys as it printed them last, `type base64`; empty before that.
    pub fn host_keys(&self) -> Vec<String> {
        self.seen().host_keys.clone()
    }

    /// The last `count` lines, at most 400, with what has come of an unfinished one; escaped text.
    pub fn excerpt(&self, count: usize) -> Vec<String> {
        let seen = self.seen();
        let lines: Vec<&Piece> = seen.recent.iter().chain(&seen.unfinished).collect();
        lines[lines.len().saturating_sub(count)..].iter().map(|piece| piece.text.clone()).collect()
    }

    /// When the last lines ended, at most 3000, each cut to 200 bytes; a line that has not ended is not among them.
    pub fn arrivals(&self) -> Vec<(Instant, String)> {
        self.seen().arrivals.iter().cloned().collect()
    }

    /// How long the guest has been silent.
    pub fn silence(&self) -> Duration {
        self.seen().last_output.elapsed()
    }

    /// Waits until QEMU has closed the port and `console.log` is complete.
    pub async fn closed(&self) {
        // An error means that the thread is gone, and then nothing more is written either.
        let _ = self.closed.clone().wait_for(|closed| *closed).await;
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.shared.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Reader {
    shared: Arc<Shared>,
    fatal: watch::Sender<Option<Finding>>,
    evaluator: Evaluator,
    log: Log,
}

impl Reader {
    fn run(mut self, mut port: UnixStream) {
        let mut buffer = vec![0; 64 << 10];
        loop {
            match port.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => {
                    self.log.write(&buffer[..count]);
                    if self.shared.restart_meant.swap(false, Ordering::Acquire) {
                        self.evaluator.announce_restart();
                    }
                    let mut steps = self.arrived();
                    steps.extend(self.evaluator.push(&buffer[..count]));
                    self.note(true, steps);
                }
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    let mut steps = self.arrived();
                    steps.extend(self.evaluator.pause());
                    self.note(false, steps);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        let mut steps = self.arrived();
        steps.extend(self.evaluator.finish());
        self.note(false, steps);
    }

    fn arrived(&mut self) -> Vec<Step> {
        if self.shared.arrived.swap(false, Ordering::Acquire) { self.evaluator.arrived() } else { Vec::new() }
    }

    /// Makes it known: first to those who look, then to those who wait for a fatal finding.
    fn note(&mut self, has_printed: bool, steps: Vec<Step>) {
        let mut found = Vec::new();
        {
            let mut seen = self.shared.seen.lock().unwrap_or_else(PoisonError::into_inner);
            if has_printed {
                seen.last_output = Instant::now();
            }
            seen.unfinished = self.evaluator.unfinished();
            for step in steps {
                match step {
                    Step::Line(piece) => seen.line(piece),
                    Step::Found(new) => found.push(seen.findings.add(new)),
                    Step::Unfinished(new) => found.push(seen.findings.add_unfinished(new)),
                    Step::Provisional(new) => seen.findings.hold(new),
                    Step::Settled { rule, severity } => found.extend(seen.findings.settle(&rule, severity)),
                    Step::HostKeys(keys) => seen.host_keys = keys,
                }
            }
        }
        for finding in found.into_iter().filter(|finding| finding.severity == Severity::Fatal) {
            self.fatal.send_if_modified(|first| {
                let none_yet = first.is_none();
                if none_yet {
                    *first = Some(finding);
                }
                none_yet
            });
        }
    }
}

impl Seen {
    fn line(&mut self, piece: Piece) {
        self.findings.line(&piece.text);
        if self.arrivals.len() == TIMED {
            self.arrivals.pop_front();
        }
        let mut end = piece.text.len().min(TIMED_BYTES);
        while !piece.text.is_char_boundary(end) {
            end -= 1;
        }
        self.arrivals.push_back((self.last_output, piece.text[..end].to_owned()));
        self.recent.push_back(piece);
        if self.recent.len() > REMEMBERED {
            self.recent.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::Rules;
    use std::io::Write;

    const SOON: Duration = Duration::from_secs(20);

    fn started() -> (Console, UnixStream, tempfile::NamedTempFile) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let log = tempfile::NamedTempFile::new().unwrap();
        let setting = Setting { rules: Rules::shipped(), emulated: false, resets_watched: true };
        (Console::start(ours, log.reopen().unwrap(), setting).unwrap(), theirs, log)
    }

    #[tokio::test]
    async fn a_panic_wakes_who_waits_and_the_log_keeps_every_byte() {
        let (console, mut guest, log) = started();
        let mut fatal = console.fatal();
        let said = b"boot\r\n\0[    2.000000] Kernel panic - not syncing: x\r\n\xff\x1b[1mtrace";
        guest.write_all(said).unwrap();
        let found =
            tokio::time::timeout(SOON, fatal.wait_for(Option::is_some)).await.unwrap().unwrap().clone().unwrap();
        assert_eq!((&*found.category, found.line_number), ("kernel-panic", 2));
        drop(guest);
        tokio::time::timeout(SOON, console.closed()).await.unwrap();
        assert_eq!(std::fs::read(log.path()).unwrap(), said);
        assert_eq!(console.excerpt(2), ["[    2.000000] Kernel panic - not syncing: x", "\u{fffd}trace"]);
        // What came after the panic belongs to it.
        let lines = |finding: &Finding| finding.excerpt.iter().map(|line| line.to_string()).collect::<Vec<_>>();
        let panic = "[    2.000000] Kernel panic - not syncing: x";
        assert_eq!(console.findings().iter().map(lines).collect::<Vec<_>>(), [["boot", panic, "\u{fffd}trace"]]);
    }

    #[tokio::test]
    async fn an_expected_panic_is_a_note_and_the_next_one_is_not() {
        let (console, mut guest, _log) = started();
        let mut fatal = console.fatal();
        guest.write_all(b"[    2.000000] Kernel panic - not syncing: sysrq triggered crash\n").unwrap();
        let found =
            tokio::time::timeout(SOON, fatal.wait_for(Option::is_some)).await.unwrap().unwrap().clone().unwrap();
        console.expected(&found);
        assert_eq!(*console.fatal().borrow(), None);
        assert_eq!(console.findings().iter().map(|f| f.severity).collect::<Vec<_>>(), [Severity::Info]);
        guest.write_all(b"[    3.000000] Kernel panic - not syncing: VFS\n").unwrap();
        let next = tokio::time::timeout(SOON, fatal.wait_for(Option::is_some)).await.unwrap().unwrap().clone().unwrap();
        assert_eq!((next.line_number, next.severity), (2, Severity::Fatal));
        // What was expected is not what ends the machine now.
        console.expected(&found);
        assert_eq!(console.fatal().borrow().as_ref(), Some(&next));
    }

    #[tokio::test]
    async fn a_prompt_without_newline_is_found_after_a_pause() {
        let (console, mut guest, _log) = started();
        guest.write_all(b"(initramfs) ").unwrap();
        let mut fatal = console.fatal();
        let found = tokio::time::timeout(SOON, fatal.wait_for(Option::is_some)).await.unwrap().unwrap().clone();
        let found = found.unwrap();
        assert_eq!((&*found.category, &*found.excerpt[found.excerpt_hit]), ("emergency", "(initramfs)"));
        assert_eq!(console.excerpt(1), ["(initramfs) "]);
    }

    #[tokio::test]
    async fn what_a_later_line_may_lower_is_known_when_it_is_final() {
        for (after, login, severity) in
            [("", false, Severity::Fail), ("", true, Severity::Warn), (LINUX, false, Severity::Warn)]
        {
            let (console, mut guest, _log) = started();
            guest.write_all(b"error: no such device: root.\n").unwrap();
            let seen = async {
                while console.excerpt(1).is_empty() {
                    tokio::task::yield_now().await;
                }
            };
            tokio::time::timeout(SOON, seen).await.unwrap();
            assert_eq!((console.findings(), console.fatal().borrow().clone()), (vec![], None));
            if login {
                console.announce_login();
            }
            guest.write_all(after.as_bytes()).unwrap();
            drop(guest);
            tokio::time::timeout(SOON, console.closed()).await.unwrap();
            let found: Vec<_> = console.findings().iter().map(|found| (found.line_number, found.severity)).collect();
            assert_eq!(found, [(1, severity)]);
        }
    }

    const LINUX: &str = "[    0.000000] Linux version 6.12.0 (b@h) #1 SMP\n";
}
