//! One batch with one shell: requests are written ahead, answered in order, and killed when they run
//! too long or print too much.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::access::Access;
use super::error::{GuestError, escaped};
use super::frame::{self, Event, Frame};
use super::kill::{Victims, kill};
use super::pipeline::Fault;
use super::reply::{End, Reply, Request};
use super::shell::{Shell, describe};
use super::ssh::{Gone, Halt, LOOK_UP, Seen};
use super::start::Start;
use super::wait::Wait;

/// Why nothing comes back over a connection whose machine was reset.
pub(super) const RESET: &str = "the machine was reset";

/// How a shell came out of a conversation.
pub(super) enum Turn {
    /// Every request has its answer.
    Over,
    /// The shell must be replaced; requests without an answer have not begun and can be sent again.
    Replace {
        /// Whether it may still live.
        kill: bool,
    },
    /// A process outside of the shell has its streams open: nothing more is run in it, and what comes
    /// over them is dropped.
    Park,
    /// The connection is gone.
    Lost(GuestError),
}

/// A batch and its answers so far.
pub(super) struct Conversation<'a> {
    requests: &'a [Request],
    answers: Vec<Option<Result<Reply, GuestError>>>,
    start: Start,
    slow: f64,
    kills: u64,
    /// Whether muster did not write the command lines itself.
    guarded: bool,
    /// The request that was at the head when a shell ended before it began.
    resent: Option<usize>,
}

/// A request that has been written.
struct Waiting {
    index: usize,
    frame: u64,
    end: End,
    /// The process of the command, once it has begun.
    begun: Option<Option<u32>>,
    /// How long it took by the hint of its end, which comes before what proves it.
    took: Option<Duration>,
}

/// The request that is being answered now.
struct Head {
    since: Instant,
    /// Until when the next thing must have happened.
    due: Instant,
    killed: bool,
}

impl<'a> Conversation<'a> {
    pub(super) fn new(requests: &'a [Request], guarded: bool, start: Start, slow: f64) -> Self {
        Self { requests, answers: vec![None; requests.len()], start, slow, kills: 0, guarded, resent: None }
    }

    pub(super) fn is_over(&self) -> bool {
        self.answers.iter().all(Option::is_some)
    }

    /// Answers everything that has no answer yet with `error`.
    pub(super) fn give_up(&mut self, error: &GuestError) {
        for answer in self.answers.iter_mut().filter(|answer| answer.is_none()) {
            *answer = Some(Err(error.clone()));
        }
    }

    /// One answer for each request, in order.
    pub(super) fn replies(self) -> Vec<Result<Reply, GuestError>> {
        self.answers.into_iter().map(|answer| answer.unwrap_or(Err(GuestError::Closed))).collect()
    }

    /// How often something had to be killed since this was last asked.
    pub(super) fn take_kills(&mut self) -> u64 {
        std::mem::take(&mut self.kills)
    }

    /// Sends what has no answer yet and collects the answers.
    /// `reset` says that the machine has begun another life, in which nobody knows of this one.
    pub(super) fn hold(&mut self, shell: &mut Shell, access: &mut Access, gone: Gone, reset: Gone) -> Turn {
        let mut waiting = match self.send(shell) {
            Ok(waiting) => waiting,
            Err(turn) => return turn,
        };
        access.attend();
        let mut head = self.head(&waiting);
        while !waiting.is_empty() {
            let seen = access.seen();
            let pumped = shell.pipe.pump(seen);
            let mut is_held = false;
            while let Some(event) = shell.pipe.deframer.next_event() {
                match event {
                    Event::Hinted(frame, status) => {
                        if let Err(turn) = self.release(shell, frame, status, &mut waiting, &mut head) {
                            return turn;
                        }
                    }
                    event => is_held |= self.note(event, &mut waiting, &mut head),
                }
            }
            if is_held {
                return Turn::Park;
            }
            if waiting.is_empty() && self.guarded && !self.is_over() && pumped.is_ok() && !gone() {
                waiting = match self.send(shell) {
                    Ok(waiting) => waiting,
                    Err(turn) => return turn,
                };
                head = self.head(&waiting);
                continue;
            }
            if waiting.is_empty() {
                break;
            }
            let more = match pumped {
                Ok(more) => more,
                Err(fault) => return self.fault(fault, shell, &waiting, &head),
            };
            if gone() {
                self.give_up(&GuestError::Closed);
                return Turn::Replace { kill: true };
            }
            if reset() {
                return Turn::Lost(GuestError::lost(RESET));
            }
            if let Err(turn) = self.mind(shell, access, &mut waiting, &mut head, reset) {
                return turn;
            }
            if !more
                && !shell.pipe.is_untried()
                && let Err(turn) = self.sleep(access, seen, shell.pipe.is_hungry(), &head)
            {
                return turn;
            }
        }
        Turn::Over
    }

    /// Writes every request without an answer to the outbox of the shell.
    fn send(&mut self, shell: &mut Shell) -> Result<VecDeque<Waiting>, Turn> {
        let mut waiting = VecDeque::new();
        for (index, request) in self.requests.iter().enumerate() {
            if self.answers[index].is_some() {
                continue;
            }
            let nonce = match shell.nonces.draw() {
                Ok(nonce) => nonce,
                Err(error) => {
                    return Err(Turn::Lost(GuestError::lost(format!("no random numbers on this host: {error}"))));
                }
            };
            let lines = match self.guarded {
                true => frame::guarded(&nonce, &request.script),
                false => frame::request(&nonce, &request.script),
            };
            match lines {
                Ok(lines) => {
                    let deframer = &mut shell.pipe.deframer;
                    let frame = match self.guarded {
                        true => deframer.expect_guarded(nonce, request.limit),
                        false => deframer.expect(nonce, request.limit),
                    };
                    shell.pipe.queue(&lines);
                    waiting.push_back(Waiting { index, frame, end: End::Exited, begun: None, took: None });
                    // Nothing may be written ahead of one that could read it.
                    if self.guarded {
                        break;
                    }
                }
                Err(error) => self.answers[index] = Some(Err(error)),
            }
        }
        Ok(waiting)
    }

    fn head(&self, waiting: &VecDeque<Waiting>) -> Head {
        let now = Instant::now();
        let begun = waiting.front().is_some_and(|waiting| waiting.begun.is_some());
        let timeout = waiting.front().map_or(Duration::ZERO, |waiting| self.requests[waiting.index].timeout);
        // The clock of a command starts when it does; until then the shell has its own patience.
        let due = now + if begun { timeout } else { timeout.max(self.start.patience) };
        Head { since: now, due, killed: false }
    }

    /// A guarded command says that it is over: what proves it is sent.
    fn release(
        &mut self,
        shell: &mut Shell,
        frame: u64,
        status: i32,
        waiting: &mut VecDeque<Waiting>,
        head: &mut Head,
    ) -> Result<(), Turn> {
        let Some(one) = waiting.iter_mut().find(|one| one.frame == frame) else { return Ok(()) };
        one.took = Some(head.since.elapsed());
        let end = shell
            .nonces
            .draw()
            .map_err(|error| Turn::Lost(GuestError::lost(format!("no random numbers on this host: {error}"))))?;
        let doubtful = frame::SYNTAX_STATUSES.contains(&status);
        shell.pipe.deframer.release(frame, end);
        shell.pipe.queue(&frame::release(&end, &self.requests[one.index].script, doubtful));
        // The hint proves nothing: the command may still be running, for as long as it may.
        head.due = head.due.max(Instant::now() + self.start.patience);
        Ok(())
    }

    /// True when the streams of the shell are of no more use, because somebody else has them.
    fn note(&mut self, event: Event, waiting: &mut VecDeque<Waiting>, head: &mut Head) -> bool {
        let mut is_held = false;
        let is_head = |frame, waiting: &VecDeque<Waiting>| waiting.front().is_some_and(|first| first.frame == frame);
        match event {
            Event::Begun(frame, pid) => {
                if is_head(frame, waiting)
                    && let Some(first) = waiting.front()
                    && !head.killed
                {
                    head.due = Instant::now() + self.requests[first.index].timeout;
                }
                if let Some(one) = waiting.iter_mut().find(|one| one.frame == frame) {
                    one.begun = Some(pid);
                }
            }
            Event::Hinted(..) => {}
            Event::Overflow(frame) => {
                if let Some(one) = waiting.iter_mut().find(|one| one.frame == frame && one.end == End::Exited) {
                    one.end = End::TooMuchOutput;
                }
            }
            Event::Ended(frame, ended) => {
                is_held = ended.notes.left_open;
                if is_head(frame, waiting)
                    && let Some(first) = waiting.pop_front()
                {
                    self.reply(&first, ended, head);
                    *head = self.head(waiting);
                }
            }
        }
        is_held
    }

    fn reply(&mut self, to: &Waiting, frame: Frame, head: &Head) {
        let Frame { status, stdout, stderr, notes } = frame;
        let elapsed = to.took.unwrap_or_else(|| head.since.elapsed());
        self.answers[to.index] = Some(Ok(Reply { status, stdout, stderr, end: to.end, elapsed, notes }));
    }

    /// Kills the command at the head when it is time, and gives the shell up when that did not help.
    fn mind(
        &mut self,
        shell: &mut Shell,
        access: &mut Access,
        waiting: &mut VecDeque<Waiting>,
        head: &mut Head,
        reset: Gone,
    ) -> Result<(), Turn> {
        let Some(first) = waiting.front_mut() else { return Ok(()) };
        let late = Instant::now() >= head.due;
        let excessive = first.end == End::TooMuchOutput && !head.killed;
        if !late && !excessive {
            return Ok(());
        }
        let Some(pid) = first.begun else {
            let index = first.index;
            self.answers[index] = Some(Err(GuestError::Protocol {
                excerpt: describe("the shell does not take the next command", &shell.pipe.deframer),
            }));
            return Err(Turn::Replace { kill: true });
        };
        if head.killed {
            return Err(self.fault(Fault::Ended, shell, waiting, head).but_alive());
        }
        shell.pipe.deframer.freeze(first.frame);
        let victims = if excessive {
            Victims::CommandAndBackground(pid)
        } else {
            first.end = End::TimedOut;
            Victims::Command(pid)
        };
        head.killed = true;
        self.kills += 1;
        // Whether the killer says that it succeeded does not matter: the end of the frame does.
        let killed = access
            .side(self.start, Instant::now() + self.start.patience, reset)
            .and_then(|side| kill(side, self.start, shell.pid, victims, reset));
        match killed {
            Ok(_) | Err(Halt::TimedOut) => {}
            Err(Halt::Gone) => return Err(Turn::Lost(GuestError::lost(RESET))),
            Err(halt) => {
                let why = GuestError::lost(format!("while a command was being killed: {halt}"));
                return Err(Turn::Lost(why));
            }
        }
        access.attend();
        head.due = Instant::now() + Duration::from_secs(5).mul_f64(self.slow);
        Ok(())
    }

    /// The shell is of no more use: the answer of the request at the head, and what comes next.
    fn fault(&mut self, fault: Fault, shell: &mut Shell, waiting: &VecDeque<Waiting>, head: &Head) -> Turn {
        let violated = match fault {
            Fault::Transport(error) => {
                let what = escaped(&error);
                return Turn::Lost(GuestError::lost(format!("in the middle of a conversation: {what}")));
            }
            Fault::Ended => None,
            Fault::Violated(violation) => Some(violation),
        };
        let Some(first) = waiting.front() else { return Turn::Over };
        if violated.is_none() && head.killed && !shell.pipe.deframer.is_over(first.frame) {
            let frame = shell.pipe.deframer.abandon(first.frame);
            self.reply(first, frame, head);
        } else if violated.is_none() && first.begun.is_none() && self.resent != Some(first.index) {
            // It ended before it took this command, so the command has not run.
            self.resent = Some(first.index);
        } else {
            let excerpt = match &violated {
                Some(violation) => violation.to_string(),
                None if first.begun.is_none() => describe("the shell ends at once", &shell.pipe.deframer),
                None => "the shell itself ended in the middle of the command".to_owned(),
            };
            self.answers[first.index] = Some(Err(GuestError::Protocol { excerpt }));
        }
        // One that began behind it, as far as one of the streams tells, may have run in part.
        for one in waiting.iter().skip(1).filter(|one| one.begun.is_some()) {
            let excerpt = "the shell itself ended in the middle of the command".to_owned();
            self.answers[one.index] = Some(Err(GuestError::Protocol { excerpt }));
        }
        Turn::Replace { kill: violated.is_some() }
    }

    /// Sleeps until something happens or is due, and asks a silent guest for a sign of life.
    fn sleep(&self, access: &mut Access, seen: Seen, hungry: bool, head: &Head) -> Result<(), Turn> {
        let lost = |halt: Halt| Turn::Lost(GuestError::lost(halt.to_string()));
        let slow = self.slow.min(4.0);
        let limit = Duration::from_secs(30).mul_f64(slow);
        if access.silence() > limit {
            let what = format!("the guest has been silent for {} s, even when probed", access.silence().as_secs());
            return Err(Turn::Lost(GuestError::lost(what)));
        }
        let next = access.keep_alive(Duration::from_secs(5).mul_f64(slow)).map_err(lost)?;
        access.wait(seen, Some(next.min(head.due).min(Instant::now() + LOOK_UP)), hungry).map_err(lost)
    }
}

impl Turn {
    /// The same, of a shell that did not end by itself.
    fn but_alive(self) -> Self {
        match self {
            Self::Replace { .. } => Self::Replace { kill: true },
            other => other,
        }
    }
}
