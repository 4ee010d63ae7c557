//! The thread that owns a connection: it takes jobs from a queue and sleeps in `poll` otherwise.

use std::io;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::access::{Access, Ports, Reach};
use super::conversation::{Conversation, RESET, Turn};
use super::error::{ConnectError, GuestError, LastState, escaped};
use super::kill::{Victims, kill};
use super::login::Entered;
use super::pipeline::Fault;
use super::ports::PortPair;
use super::reply::{Reply, Request};
use super::shared::{Job, Shared};
use super::shell::{Shell, StartError};
use super::ssh::{Gone, Halt, Seen, pause};
use super::start::Start;
use super::target::Target;
use super::wait::Wait;
use super::wake::Wake;

/// A shell that prints so much outside of any frame while nothing is asked of it is replaced, which
/// ends whoever prints.
const STRAY_LIMIT: u64 = 64 << 20;
/// Parked shells of a connection, at most: sshd allows ten sessions, one of which is the shell in use
/// and one the killer's.
const PARKED: usize = 4;
/// How long a warm shell may take to say its first word before an SSH login is tried, unscaled.
const WARM_PATIENCE: Duration = Duration::from_secs(2);

/// How the first connection is made.
pub(super) enum First {
    /// By SSH, with as many tries as the time allows.
    Login,
    /// By a shell that already waits at the other end of two ports; by SSH when it does not answer.
    Warm(PortPair),
}

/// The thread's ends of what it shares with every handle.
pub(super) struct Ends {
    pub(super) queue: mpsc::Receiver<Job>,
    pub(super) wake: Wake,
    pub(super) shared: Arc<Shared>,
}

/// Starts the thread. It tells the outcome of the login, and ends with the last sender of the queue.
pub(super) fn start(
    target: Target,
    first: First,
    deadline: Instant,
    scale: f64,
    ends: Ends,
    connected: oneshot::Sender<Result<(), ConnectError>>,
) -> io::Result<()> {
    let Ends { queue, wake, shared } = ends;
    let slow = if scale.is_finite() { scale.clamp(1.0, 10.0) } else { 1.0 };
    let start = Start {
        elevated: target.become_root && target.user != "root",
        root: target.become_root || target.user == "root",
        patience: Duration::from_secs(30).mul_f64(slow),
    };
    let link = Err(GuestError::Closed);
    let actor = Actor { target, start, slow, queue, wake, shared, link };
    std::thread::Builder::new().name("guest".into()).spawn(move || actor.live(first, deadline, connected))?;
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
    // Dropped in this order: channels before their session.
    shell: Option<Shell>,
    /// Shells whose streams somebody else has open, oldest first: what comes over them is dropped.
    parked: Vec<Shell>,
    access: Access,
    /// The life of the machine in which it was made.
    generation: u32,
}

impl Actor {
    fn live(mut self, first: First, deadline: Instant, connected: oneshot::Sender<Result<(), ConnectError>>) {
        let gone = || connected.is_closed();
        let outcome = match first {
            First::Login => self.log_in(deadline, &gone),
            First::Warm(ports) => match self.wake_up(ports, deadline, &gone) {
                true => Ok(()),
                false => self.log_in(deadline, &gone),
            },
        };
        let failed = outcome.is_err();
        if connected.send(outcome).is_err() || failed {
            return self.leave(GuestError::Closed);
        }
        loop {
            match self.queue.try_recv() {
                Ok(Job::Batch { requests, guarded, answer }) => {
                    let answers = self.batch(&requests, guarded, &|| answer.is_closed());
                    // Nobody waits any more when the caller was dropped; the batch is over all the same.
                    let _ = answer.send(answers);
                }
                Ok(Job::Reconnect { deadline, answer }) => {
                    self.leave(GuestError::lost("it was closed to connect again, which did not succeed"));
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
        let result = self.reach().log_in(&self.wake, self.start, deadline, gone);
        match result {
            Ok(Entered { mut shell, ssh, host_key, generation }) => {
                self.shared.rescues.fetch_add(shell.pipe.take_rescues(), Relaxed);
                self.shared.remember_key(host_key);
                self.shared.round_trips.fetch_add(1, Relaxed);
                self.shared.warm.store(false, Relaxed);
                self.link = Ok(Link { shell: Some(shell), parked: Vec::new(), access: Access::Ssh(ssh), generation });
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

    /// How to log in, now or later.
    fn reach(&self) -> Reach {
        Reach { target: self.target.clone(), remembered: self.shared.remembered_key(), slow: self.slow }
    }

    /// Takes over the shell behind the ports. False when it does not answer.
    fn wake_up(&mut self, ports: PortPair, deadline: Instant, gone: Gone) -> bool {
        let Ok(pair) = ports.try_clone() else { return false };
        let mut access = Access::Ports(Ports { pair, wake: self.wake.clone(), reach: self.reach(), side: None });
        // A shell that is there answers at once; the time that an SSH login would need is not spent on it.
        let limit = deadline.min(Instant::now() + WARM_PATIENCE.mul_f64(self.slow));
        let generation = self.target.generations.current();
        match Shell::adopt(ports, &mut access, self.start, limit, gone) {
            Ok(shell) => {
                self.shared.round_trips.fetch_add(1, Relaxed);
                self.shared.warm.store(true, Relaxed);
                self.link = Ok(Link { shell: Some(shell), parked: Vec::new(), access, generation });
                true
            }
            Err(_) => false,
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
        let seen = link.access.seen();
        let late = drain(&mut link.parked, seen);
        self.shared.stray_bytes.fetch_add(late, Relaxed);
        let pumped = shell.pipe.pump(seen);
        self.shared.rescues.fetch_add(shell.pipe.take_rescues(), Relaxed);
        let stray = shell.pipe.deframer.stray();
        self.shared.stray_bytes.fetch_add(stray - before, Relaxed);
        match pumped {
            Ok(_) if stray > STRAY_LIMIT => self.retire(true),
            Ok(true) => {}
            Ok(false) => {
                let hungry = shell.pipe.is_hungry();
                if let Err(halt) = link.access.wait(seen, None, hungry) {
                    self.link = Err(GuestError::lost(halt.to_string()));
                }
            }
            // A new one is started when it is needed.
            Err(Fault::Ended) => self.retire(false),
            Err(Fault::Violated(_)) => self.retire(true),
            Err(Fault::Transport(error)) => self.link = Err(GuestError::lost(escaped(&error))),
        }
    }

    fn batch(&mut self, requests: &[Request], guarded: bool, gone: Gone) -> Vec<Result<Reply, GuestError>> {
        self.shared.requests.fetch_add(requests.len() as u64, Relaxed);
        self.shared.round_trips.fetch_add(1, Relaxed);
        let mut conversation = Conversation::new(requests, guarded, self.start, self.slow);
        while !conversation.is_over() {
            if gone() {
                conversation.give_up(&GuestError::Closed);
                break;
            }
            let generations = self.target.generations.clone();
            let generation = self.link.as_ref().map_or_else(|_| generations.current(), |link| link.generation);
            let reset = || generations.current() != generation;
            if reset() {
                self.link = Err(GuestError::lost(RESET));
            }
            if let Ok(link) = &mut self.link {
                let late = drain(&mut link.parked, link.access.seen());
                self.shared.stray_bytes.fetch_add(late, Relaxed);
            }
            let (shell, access) = match self.ready(&reset) {
                Ok(ready) => ready,
                Err(error) => {
                    conversation.give_up(&error);
                    break;
                }
            };
            let before = shell.pipe.deframer.stray();
            let turn = conversation.hold(shell, access, gone, &reset);
            let stray = shell.pipe.deframer.stray() - before;
            let rescues = shell.pipe.take_rescues();
            self.shared.stray_bytes.fetch_add(stray, Relaxed);
            self.shared.rescues.fetch_add(rescues, Relaxed);
            self.shared.round_trips.fetch_add(conversation.take_kills(), Relaxed);
            match turn {
                Turn::Over => {}
                Turn::Replace { kill } => self.retire(kill),
                Turn::Park => self.park(),
                Turn::Lost(error) => self.link = Err(error),
            }
        }
        conversation.replies()
    }

    /// The shell, started anew when the last one ended. A shell on ports cannot be started again: its
    /// place is taken by an SSH login.
    fn ready(&mut self, reset: Gone) -> Result<(&mut Shell, &mut Access), GuestError> {
        let mut failure = None;
        let patience = self.start.patience;
        match &mut self.link {
            Ok(Link { shell: None, access: Access::Ssh(ssh), .. }) => {
                ssh.attend();
                self.shared.round_trips.fetch_add(1, Relaxed);
                let limit = Instant::now() + patience;
                match Shell::start(ssh, self.start, limit, reset) {
                    Ok(shell) => {
                        if let Ok(link) = &mut self.link {
                            link.shell = Some(shell);
                        }
                    }
                    Err(StartError::Halt(halt)) => failure = Some(GuestError::lost(halt.to_string())),
                    Err(StartError::Odd(what) | StartError::NoRoot(what)) => failure = Some(GuestError::lost(what)),
                }
            }
            Ok(Link { shell: None, access: Access::Ports(_), .. }) => {
                if let Err(error) = self.log_in(Instant::now() + patience, reset) {
                    let what = format!("the shell of the clone ended, and logging in by SSH failed: {}", error.last);
                    failure = Some(GuestError::lost(what));
                }
            }
            _ => {}
        }
        if let Some(error) = failure {
            // A start that was broken off leaves the session in a state nobody can go on from.
            self.link = Err(error);
        }
        match &mut self.link {
            Ok(Link { shell: Some(shell), access, .. }) => Ok((shell, access)),
            Ok(_) => Err(GuestError::lost("the shell is gone")),
            Err(error) => Err(error.clone()),
        }
    }

    /// Does away with the shell, so that the next batch gets a new one. `alive` also ends what it
    /// left running, without which a request that was written ahead could still run later.
    fn retire(&mut self, alive: bool) {
        let Ok(link) = &mut self.link else { return };
        let Some(shell) = link.shell.take() else { return };
        let mut failure = None;
        let (generations, generation) = (&self.target.generations, link.generation);
        let reset = || generations.current() != generation;
        if alive {
            self.shared.round_trips.fetch_add(1, Relaxed);
            let limit = Instant::now() + self.start.patience;
            let killed = link
                .access
                .side(self.start, limit, &reset)
                .and_then(|side| kill(side, self.start, shell.pid, Victims::Shell, &reset));
            match killed {
                Ok(true) => {}
                Err(Halt::Gone) => failure = Some(RESET.to_owned()),
                Ok(false) => failure = Some("the shell hangs and could not be killed".to_owned()),
                Err(halt) => failure = Some(format!("the shell hangs and could not be killed ({halt})")),
            }
        }
        link.access.let_go(shell, Instant::now() + Duration::from_secs(1));
        if let Some(what) = failure {
            self.link = Err(GuestError::lost(what));
        }
    }

    /// Leaves the shell alone for good: a process that it started may go on, and finds its streams open.
    fn park(&mut self) {
        let Ok(link) = &mut self.link else { return };
        let Some(shell) = link.shell.take() else { return };
        if matches!(link.access, Access::Ports(_)) {
            // The login that takes its place has another link.
            return;
        }
        link.parked.push(shell);
        if link.parked.len() > PARKED {
            let oldest = link.parked.remove(0);
            link.access.let_go(oldest, Instant::now() + Duration::from_secs(1));
        }
    }

    /// Ends the connection, if there is one, and remembers why there is none.
    fn leave(&mut self, why: GuestError) {
        if let Ok(Link { shell, parked, mut access, .. }) = std::mem::replace(&mut self.link, Err(why)) {
            for shell in parked.into_iter().chain(shell) {
                access.let_go(shell, Instant::now() + Duration::from_millis(300));
            }
            access.hang_up();
        }
    }
}

/// Drops what came over parked shells; how many bytes there were.
fn drain(parked: &mut [Shell], seen: Seen) -> u64 {
    let mut late = 0;
    for shell in parked {
        let before = shell.pipe.deframer.stray();
        // One that has ended stays: its channel is closed with the connection.
        let _ = shell.pipe.pump(seen);
        late += shell.pipe.deframer.stray() - before;
    }
    late
}
