//! The thread that owns a connection: it takes jobs from a queue and sleeps in `poll` otherwise.

use std::io;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::connection::{Job, Shared, Target};
use super::conversation::{Conversation, Turn};
use super::error::{ConnectError, GuestError, LastState};
use super::kill::Victims;
use super::login::{Entered, Login};
use super::shell::{self, Fault, Shell, Start, StartError};
use super::wake::Wake;
use super::wire::{Gone, Wire, pause};
use super::{Reply, Request};

/// A shell that prints so much outside of any frame while nothing is asked of it is replaced, which
/// ends whoever prints.
const STRAY_LIMIT: u64 = 64 << 20;

/// Starts the thread. It tells the outcome of the login, and ends with the last sender of the queue.
pub(super) fn start(
    target: Target,
    deadline: Instant,
    scale: f64,
    queue: mpsc::Receiver<Job>,
    wake: Wake,
    shared: Arc<Shared>,
    connected: oneshot::Sender<Result<(), ConnectError>>,
) -> io::Result<()> {
    let slow = if scale.is_finite() { scale.clamp(1.0, 10.0) } else { 1.0 };
    let start = Start {
        elevated: target.become_root && target.user != "root",
        root: target.become_root || target.user == "root",
        patience: Duration::from_secs(30).mul_f64(slow),
    };
    let link = Err(GuestError::Closed);
    let actor = Actor { target, start, slow, queue, wake, shared, link };
    std::thread::Builder::new().name("guest".into()).spawn(move || actor.live(deadline, connected))?;
    Ok(())
}

struct Actor {
    target: Target,
    start: Start,
    /// How much slower than a healthy machine, 1.0 to 10.0.
    slow: f64,
    queue: mpsc::Receiver<Job>,
    wake: Wake,
    shared: Arc<Shared>,
    /// The connection, or why there is none.
    link: Result<Link, GuestError>,
}

/// A connection and the shell on it, if that still lives.
struct Link {
    // Dropped in this order: a channel before its session.
    shell: Option<Shell>,
    wire: Wire,
}

impl Actor {
    fn live(mut self, deadline: Instant, connected: oneshot::Sender<Result<(), ConnectError>>) {
        let outcome = self.log_in(deadline, &|| connected.is_closed());
        let failed = outcome.is_err();
        if connected.send(outcome).is_err() || failed {
            return self.leave(GuestError::Closed);
        }
        loop {
            match self.queue.try_recv() {
                Ok(Job::Batch { requests, answer }) => {
                    let answers = self.batch(&requests, &|| answer.is_closed());
                    // Nobody waits any more when the caller was dropped; the batch is over all the same.
                    let _ = answer.send(answers);
                }
                Ok(Job::Reconnect { deadline, answer }) => {
                    self.leave(GuestError::lost("it was given up to connect anew, which did not succeed"));
                    let outcome = self.log_in(deadline, &|| answer.is_closed());
                    let _ = answer.send(outcome);
                }
                Ok(Job::Close { answer }) => {
                    self.leave(GuestError::Closed);
                    let _ = answer.send(());
                }
                Err(mpsc::TryRecvError::Empty) => self.idle(),
                Err(mpsc::TryRecvError::Disconnected) => return self.leave(GuestError::Closed),
            }
        }
    }

    fn log_in(&mut self, deadline: Instant, gone: Gone) -> Result<(), ConnectError> {
        let began = Instant::now();
        let result = match std::fs::read_to_string(&self.target.private_key) {
            Err(error) => Err(LastState::KeyFile(format!("{}: {error}", self.target.private_key.display()))),
            Ok(key) => {
                let login = Login {
                    target: &self.target,
                    key: &key,
                    remembered: self.shared.remembered_key(),
                    start: self.start,
                    wake: &self.wake,
                    slow: self.slow,
                    deadline,
                    gone,
                };
                login.enter()
            }
        };
        match result {
            Ok(Entered { shell, wire, host_key }) => {
                self.shared.remember_key(host_key);
                self.shared.round_trips.fetch_add(1, Relaxed);
                self.link = Ok(Link { shell: Some(shell), wire });
                Ok(())
            }
            Err(last) => {
                if let LastState::HostKeyChanged { expected, seen } = &last {
                    let (expected, seen) = (expected.clone(), seen.clone());
                    self.link = Err(GuestError::HostKeyChanged { expected, seen });
                }
                let (addr, user) = (self.target.addr, self.target.user.clone());
                Err(ConnectError { addr, user, waited: began.elapsed(), last })
            }
        }
    }

    /// Sleeps until there is a job, and notices when the connection ends meanwhile.
    fn idle(&mut self) {
        let link = match &mut self.link {
            Ok(link) => link,
            Err(_) => {
                let _ = pause(&self.wake, Instant::now() + Duration::from_secs(3600));
                return;
            }
        };
        let Some(shell) = &mut link.shell else {
            let _ = pause(&self.wake, Instant::now() + Duration::from_secs(3600));
            return;
        };
        let before = shell.pipe.deframer.stray();
        let pumped = shell.pipe.pump();
        let stray = shell.pipe.deframer.stray();
        self.shared.stray_bytes.fetch_add(stray - before, Relaxed);
        match pumped {
            Ok(_) if stray > STRAY_LIMIT => self.retire(true),
            Ok(true) => {}
            Ok(false) => {
                if let Err(halt) = link.wire.wait(None) {
                    self.link = Err(GuestError::lost(halt.to_string()));
                }
            }
            // A new one is started when it is needed.
            Err(Fault::Ended) => self.retire(false),
            Err(Fault::Violated(_)) => self.retire(true),
            Err(Fault::Transport(error)) => self.link = Err(GuestError::lost(lost(&error))),
        }
    }

    fn batch(&mut self, requests: &[Request], gone: Gone) -> Vec<Result<Reply, GuestError>> {
        self.shared.requests.fetch_add(requests.len() as u64, Relaxed);
        self.shared.round_trips.fetch_add(1, Relaxed);
        let mut conversation = Conversation::new(requests, self.start, self.slow);
        while !conversation.is_over() {
            if gone() {
                conversation.give_up(&GuestError::Closed);
                break;
            }
            let (shell, wire) = match self.ready() {
                Ok(ready) => ready,
                Err(error) => {
                    conversation.give_up(&error);
                    break;
                }
            };
            let before = shell.pipe.deframer.stray();
            let turn = conversation.hold(shell, wire, gone);
            let stray = shell.pipe.deframer.stray() - before;
            self.shared.stray_bytes.fetch_add(stray, Relaxed);
            self.shared.round_trips.fetch_add(conversation.take_kills(), Relaxed);
            match turn {
                Turn::Over => {}
                Turn::Replace { kill } => self.retire(kill),
                Turn::Lost(error) => self.link = Err(error),
            }
        }
        conversation.answers()
    }

    /// The shell, started anew when the last one ended.
    fn ready(&mut self) -> Result<(&mut Shell, &mut Wire), GuestError> {
        let mut failure = None;
        if let Ok(link) = &mut self.link
            && link.shell.is_none()
        {
            link.wire.attend();
            self.shared.round_trips.fetch_add(1, Relaxed);
            let limit = Instant::now() + self.start.patience;
            match Shell::start(&mut link.wire, self.start, limit, &|| false) {
                Ok(shell) => link.shell = Some(shell),
                Err(StartError::Halt(halt)) => failure = Some(GuestError::lost(halt.to_string())),
                Err(StartError::Odd(what)) => failure = Some(GuestError::lost(what)),
            }
        }
        if let Some(error) = failure {
            // A start that was broken off leaves the session in a state nobody can go on from.
            self.link = Err(error);
        }
        match &mut self.link {
            Ok(Link { shell: Some(shell), wire }) => Ok((shell, wire)),
            Ok(_) => Err(GuestError::lost("the shell is gone")),
            Err(error) => Err(error.clone()),
        }
    }

    /// Does away with the shell, so that the next batch gets a new one. `kill` also ends what it
    /// left running, without which a request that was written ahead could still run later.
    fn retire(&mut self, kill: bool) {
        let Ok(link) = &mut self.link else { return };
        let Some(shell) = link.shell.take() else { return };
        let mut failure = None;
        if kill {
            self.shared.round_trips.fetch_add(1, Relaxed);
            match shell::kill(&mut link.wire, self.start, shell.pid, Victims::Shell, &|| false) {
                Ok(true) => {}
                Ok(false) => failure = Some("the shell hangs and could not be killed".to_owned()),
                Err(halt) => failure = Some(format!("the shell hangs and could not be killed ({halt})")),
            }
        }
        shell.pipe.close(&mut link.wire, Instant::now() + Duration::from_secs(1));
        if let Some(what) = failure {
            self.link = Err(GuestError::lost(what));
        }
    }

    /// Ends the connection, if there is one, and remembers why there is none.
    fn leave(&mut self, why: GuestError) {
        if let Ok(Link { shell, mut wire }) = std::mem::replace(&mut self.link, Err(why)) {
            if let Some(shell) = shell {
                shell.pipe.close(&mut wire, Instant::now() + Duration::from_millis(300));
            }
            wire.hang_up();
        }
    }
}

pub(super) fn lost(error: &io::Error) -> String {
    crate::text::one_line(&error.to_string(), 200)
}
