//! From nothing to a shell that answers: the tries, what each says about the guest, and when to
//! give up.

use std::time::{Duration, Instant};

use ssh2::{ErrorCode, MethodType, Session};

use super::error::LastState;
use super::hostkey::{HostKey, HostKeyPolicy};
use super::shell::{Shell, StartError};
use super::ssh::{Gone, Halt, SshSession, pause};
use super::start::Start;
use super::target::Target;
use super::wake::Wake;

/// OpenSSH counts refused keys against the address of the client (5 s each since 9.8, and from 15 s
/// on it answers no more), so connections that end in a refusal must be at least this far apart.
const PENALTY: Duration = Duration::from_secs(6);
/// Refusals within one connection; sshd allows six.
const TRIES: u32 = 3;
/// How often a login that is held back looks whether it is time.
const HELD: Duration = Duration::from_millis(200);
/// How long a less telling state must last before it replaces a more telling one.
const REPLACED_AFTER: Duration = Duration::from_secs(30);

/// A login: how, and with what limits.
pub(super) struct Login<'a> {
    pub(super) target: &'a Target,
    /// The text of the private key.
    pub(super) key: &'a str,
    /// The host key of the login before, if there was one.
    pub(super) remembered: Option<HostKey>,
    pub(super) start: Start,
    pub(super) wake: &'a Wake,
    /// Stretches the limits of single steps, 1.0 to 10.0.
    pub(super) slow: f64,
    pub(super) deadline: Instant,
    pub(super) gone: Gone<'a>,
}

/// A connection with its shell, and the key the server proved.
pub(super) struct Entered {
    // Dropped in this order: a channel before its session.
    pub(super) shell: Shell,
    pub(super) ssh: SshSession,
    pub(super) host_key: HostKey,
    /// The life of the machine in which it was made.
    pub(super) generation: u32,
}

enum Miss {
    /// Trying again is of no use.
    Final(LastState),
    /// Try again, not before so long after the start of this try.
    Again(LastState, Duration),
    /// The deadline cut the try off: it says nothing about the guest.
    Cut(LastState),
}

impl Login<'_> {
    /// Tries until it works, the deadline has passed, or nobody waits any more.
    pub(super) fn enter(&self) -> Result<Entered, LastState> {
        let mut last = LastState::NotTried;
        let mut noted = Instant::now();
        let mut patience = Duration::from_secs(4);
        let (mut refusals, mut broken) = (0, 0);
        let (mut tries, mut seen) = (0_u32, LastState::NotTried);
        while Instant::now() < self.deadline {
            let began = Instant::now();
            tries += 1;
            let (state, apart) = match self.in_one_life(patience, &mut refusals) {
                Ok(entered) => {
                    let key = entered.host_key.fingerprint();
                    tracing::debug!(addr = %self.target.addr, user = %self.target.user, tries, key, "SSH: logged in");
                    return Ok(entered);
                }
                Err(Miss::Final(state)) => {
                    tracing::debug!(addr = %self.target.addr, tries, %state, "SSH: given up");
                    return Err(state);
                }
                Err(Miss::Cut(state)) => return Err(if last == LastState::NotTried { state } else { last }),
                Err(Miss::Again(state, apart)) => (state, apart),
            };
            // A booting guest is tried several times a second: only what changes is news.
            if state != seen {
                tracing::debug!(addr = %self.target.addr, tries, %state, took = ?began.elapsed(), "SSH: not yet");
                seen = state.clone();
            }
            match state {
                // A guest that is slow to speak is given longer each time.
                LastState::Silent => patience = (patience * 5 / 4).min(Duration::from_secs(20)),
                LastState::Handshake(_) | LastState::NotSsh(_) => broken += 1,
                _ => broken = 0,
            }
            if broken >= 10 {
                return Err(state);
            }
            if weight(&state) >= weight(&last) || noted.elapsed() > REPLACED_AFTER.mul_f64(self.slow) {
                last = state;
                noted = Instant::now();
            }
            let again = (began + apart).min(self.deadline);
            while !pause(self.wake, again).map_err(|halt| LastState::Unreachable(halt.to_string()))? {
                if (self.gone)() {
                    return Err(LastState::Cancelled);
                }
            }
        }
        Err(last)
    }

    /// One try, which ends as soon as the machine begins another life: nobody would answer it.
    fn in_one_life(&self, patience: Duration, refusals: &mut u32) -> Result<Entered, Miss> {
        let generation = self.target.generations.current();
        let reset = || self.target.generations.current() != generation;
        let gone = || (self.gone)() || reset();
        let one = Login { gone: &gone, remembered: self.remembered.clone(), ..*self };
        match one.attempt(patience, refusals) {
            Err(Miss::Final(LastState::Cancelled)) if !(self.gone)() => {
                let state = LastState::Unreachable("the machine was reset while somebody logged in".into());
                Err(Miss::Again(state, Duration::from_millis(200)))
            }
            Ok(_) if reset() => {
                let state = LastState::Unreachable("the machine was reset right after a login".into());
                Err(Miss::Again(state, Duration::from_millis(200)))
            }
            outcome => outcome,
        }
    }

    fn attempt(&self, patience: Duration, refusals: &mut u32) -> Result<Entered, Miss> {
        let generation = self.target.generations.current();
        let began = Instant::now();
        let limit = (began + Duration::from_secs(10)).min(self.deadline);
        let soon = Duration::from_millis(200);
        let mut ssh = SshSession::dial(self.target.addr, limit, self.wake, self.gone).map_err(|halt| match halt {
            Halt::Gone => Miss::Final(LastState::Cancelled),
            Halt::TimedOut => Miss::Again(LastState::Unreachable("connecting timed out".into()), soon),
            halt => Miss::Again(LastState::Unreachable(halt.to_string()), soon),
        })?;
        if !self.handshake(&mut ssh, patience)? {
            drop(ssh);
            return Err(self.held());
        }
        let host_key = self.check_host_key(&mut ssh)?;
        self.authenticate(&mut ssh, refusals)?;
        match Shell::start(&mut ssh, self.start, self.deadline, self.gone) {
            Ok(shell) => Ok(Entered { shell, ssh, host_key, generation }),
            Err(StartError::Halt(Halt::Gone)) => Err(Miss::Final(LastState::Cancelled)),
            Err(StartError::Halt(halt)) => Err(Miss::Again(LastState::NoShell(halt.to_string()), soon * 5)),
            Err(StartError::NoRoot(said)) => Err(Miss::Final(LastState::NoRoot { said })),
            Err(StartError::Odd(what)) => Err(Miss::Again(LastState::NoShell(what), soon * 5)),
        }
    }

    /// Whether nobody may log in yet, in the life that the machine has now.
    fn is_held(&self) -> bool {
        !self.target.hold.is_over(self.target.generations.current())
    }

    /// Waits until somebody may log in.
    fn held(&self) -> Miss {
        while self.is_held() {
            if (self.gone)() {
                return Miss::Final(LastState::Cancelled);
            }
            let now = Instant::now();
            if now >= self.deadline {
                return Miss::Cut(LastState::Held);
            }
            if let Err(halt) = pause(self.wake, (now + HELD).min(self.deadline)) {
                return Miss::Again(LastState::Unreachable(halt.to_string()), HELD);
            }
        }
        Miss::Again(LastState::Held, Duration::ZERO)
    }

    /// Exchanges keys; false when nobody may log in yet, after the greeting.
    fn handshake(&self, ssh: &mut SshSession, patience: Duration) -> Result<bool, Miss> {
        let began = Instant::now();
        let banner = began + patience.max(Duration::from_secs(4).mul_f64(self.slow.min(3.0)));
        let exchange = began + patience + Duration::from_secs(30).mul_f64(self.slow);
        let expected = self.expected();
        let mut heard = false;
        let mut early = false;
        let mut prepared = false;
        let result = ssh.drive(
            self.gone,
            |session| if session.banner_bytes().is_some() { exchange } else { banner }.min(self.deadline),
            |session| {
                if !prepared {
                    prefer(session, expected)?;
                    prepared = true;
                }
                let result = session.handshake();
                if !heard && session.banner_bytes().is_some() {
                    heard = true;
                    self.target.refusals.note_greeting(self.target.generations.current());
                    // The greeting has cost the guest a process. Exchanging keys would cost more, and sshd does not wait for long.
                    early = self.is_held();
                    if early {
                        return Err(ssh2::Error::new(
                            ErrorCode::Session(libssh2_sys::LIBSSH2_ERROR_SOCKET_DISCONNECT),
                            "held",
                        ));
                    }
                }
                result
            },
        );
        let halt = match result {
            _ if early => return Ok(false),
            Ok(()) => return Ok(true),
            Err(Halt::Gone) => return Err(Miss::Final(LastState::Cancelled)),
            Err(halt) => halt,
        };
        let state = match ssh.said_before_greeting() {
            _ if heard => LastState::Handshake(halt.to_string()),
            said if said.is_empty() => LastState::Silent,
            said => LastState::NotSsh(said),
        };
        if matches!(halt, Halt::TimedOut) && Instant::now() >= self.deadline {
            return Err(Miss::Cut(state));
        }
        let apart = match state {
            LastState::Silent => Duration::from_millis(250),
            _ => Duration::from_secs(1),
        };
        Err(Miss::Again(state, apart))
    }

    /// The keys that would be right; empty when any would.
    fn expected(&self) -> &[HostKey] {
        match (&self.remembered, &self.target.host_key) {
            (Some(key), _) => std::slice::from_ref(key),
            (None, HostKeyPolicy::Expect(keys)) => keys,
            (None, HostKeyPolicy::AcceptFirst) => &[],
        }
    }

    fn check_host_key(&self, ssh: &mut SshSession) -> Result<HostKey, Miss> {
        let shown = ssh.session().host_key().and_then(|(blob, _)| HostKey::from_blob(blob));
        let Some(key) = shown else {
            return Err(Miss::Final(LastState::Handshake("the server shows no host key".into())));
        };
        let any = self.remembered.is_none() && self.target.host_key == HostKeyPolicy::AcceptFirst;
        if any || self.expected().contains(&key) {
            return Ok(key);
        }
        let expected: Vec<_> = self.expected().iter().map(HostKey::fingerprint).collect();
        let expected = if expected.is_empty() { "none".to_owned() } else { expected.join(" or ") };
        Err(Miss::Final(LastState::HostKeyChanged { expected, seen: key.fingerprint() }))
    }

    /// Offers the key, a few times: sshd reads the user's keys anew for each try, but whether the
    /// user exists only once for each connection.
    fn authenticate(&self, ssh: &mut SshSession, refusals: &mut u32) -> Result<(), Miss> {
        let limit = (Instant::now() + Duration::from_secs(30).mul_f64(self.slow)).min(self.deadline);
        for attempt in 1..=TRIES {
            let result = ssh.drive(
                self.gone,
                |_| limit,
                |session| session.userauth_pubkey_memory(&self.target.user, None, self.key, None),
            );
            let error = match result {
                Ok(()) => return Ok(()),
                Err(Halt::Gone) => return Err(Miss::Final(LastState::Cancelled)),
                Err(Halt::Failed(error)) => error,
                Err(halt) => {
                    let state = LastState::Handshake(format!("authentication: {halt}"));
                    return Err(if limit == self.deadline {
                        Miss::Cut(state)
                    } else {
                        Miss::Again(state, Duration::from_secs(1))
                    });
                }
            };
            match error.code() {
                ErrorCode::Session(
                    libssh2_sys::LIBSSH2_ERROR_AUTHENTICATION_FAILED | libssh2_sys::LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED,
                ) => {
                    *refusals += 1;
                    self.target.refusals.note(self.target.generations.current());
                }
                ErrorCode::Session(libssh2_sys::LIBSSH2_ERROR_FILE) => {
                    return Err(Miss::Final(LastState::KeyFile(Halt::Failed(error).to_string())));
                }
                _ => {
                    let state = LastState::Handshake(format!("authentication: {}", Halt::Failed(error)));
                    return Err(Miss::Again(state, Duration::from_secs(1)));
                }
            }
            let again = Instant::now() + Duration::from_secs(1);
            while attempt < TRIES && Instant::now() < again.min(self.deadline) {
                if (self.gone)() {
                    return Err(Miss::Final(LastState::Cancelled));
                }
                let seen = ssh.seen();
                if ssh.wait(seen, Some(again.min(self.deadline))).is_err() {
                    break;
                }
            }
            if Instant::now() >= self.deadline {
                break;
            }
        }
        Err(Miss::Again(LastState::KeyRefused { times: *refusals }, PENALTY))
    }
}

/// Asks the server for the kinds of keys that are known, so that it does not show one that is not.
fn prefer(session: &Session, expected: &[HostKey]) -> Result<(), ssh2::Error> {
    if expected.is_empty() {
        return Ok(());
    }
    let supported = session.supported_algs(MethodType::HostKey)?;
    let known = expected.iter().flat_map(|key| key.signature_algorithms().split(','));
    let mut wanted: Vec<&str> = Vec::new();
    for name in known.filter(|name| supported.contains(name)).chain(supported.iter().copied()) {
        if !wanted.contains(&name) {
            wanted.push(name);
        }
    }
    session.method_pref(MethodType::HostKey, &wanted.join(","))
}

/// How much a state tells about the guest.
fn weight(state: &LastState) -> u8 {
    match state {
        LastState::NotTried | LastState::Cancelled => 0,
        LastState::Unreachable(_) => 1,
        LastState::Silent => 2,
        LastState::Handshake(_) | LastState::NotSsh(_) | LastState::Held => 3,
        LastState::KeyRefused { .. } | LastState::NoShell(_) => 4,
        LastState::HostKeyChanged { .. } | LastState::KeyFile(_) | LastState::NoRoot { .. } => 5,
    }
}
