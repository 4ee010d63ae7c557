//! The protocol of the framed shell, apart from any I/O.
//!
//! A request is a few lines for a POSIX shell that reads its script from standard input. The shell
//! prints a begin marker on both of its streams, runs the command line in a subshell without
//! standard input, and prints an end marker on both, on standard output with the exit status:
//!
//! ```text
//! stdout:  RS nonce < LF   …output…   RS nonce > status LF
//! stderr:  RS nonce < LF       …output…   RS nonce > LF
//! ```
//!
//! `RS` is the byte 0x1e, the nonce 128 random bits in hexadecimal, new for each request and never
//! visible to the command. What stands outside of markers is counted and never taken for output.
//! Requests may be written ahead; they are answered in order. Only builtins of the shell are used.
//!
//! A command line that muster did not write itself is guarded. Its shell prints a hint when it is
//! over, and the lines that print its end marker, with a nonce of their own, are sent only then:
//!
//! ```text
//! stdout:  RS nonce < LF   …output…   RS nonce | status LF   …late…   RS other > status flags LF
//! stderr:  RS nonce < LF   …output…   RS nonce | LF          …late…   RS other > LF
//! ```
//!
//! While the command runs, the nonce of its end marker is in no memory of the guest. Those lines also
//! look whether the shell can parse the command line (flag `s`), and whether a process outside of the
//! shell still has one of its streams open (flag `h`): then the shell is not used again.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};

use super::error::GuestError;
use super::reply::Notes;
pub use super::stream::Stream;
use muster_base::text;

/// The byte every marker begins with.
const RS: u8 = 0x1e;
/// Hexadecimal digits of a nonce.
const NONCE: usize = 32;
/// Bytes after the kind of a marker, newline included, at most.
const MARK: usize = 11;
/// Bytes of stray text kept for an error message.
const EXCERPT: usize = 512;

/// 128 random bits that the command cannot foresee.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nonce([u8; NONCE]);

impl Nonce {
    /// From bits that must be unpredictable.
    pub fn new(bits: [u8; NONCE / 2]) -> Self {
        let mut digits = [0; NONCE];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(bits) {
            pair[0] = b"0123456789abcdef"[usize::from(byte >> 4)];
            pair[1] = b"0123456789abcdef"[usize::from(byte & 15)];
        }
        Self(digits)
    }

    fn digits(&self) -> &str {
        // Only made of the digits above.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// Where nonces come from: the kernel's random number generator.
#[derive(Debug)]
pub(crate) struct Nonces(File);

impl Nonces {
    /// Opens the generator.
    pub(crate) fn open() -> io::Result<Self> {
        File::open("/dev/urandom").map(Self)
    }

    /// A new one.
    pub(crate) fn draw(&mut self) -> io::Result<Nonce> {
        let mut bits = [0; NONCE / 2];
        self.0.read_exact(&mut bits)?;
        Ok(Nonce::new(bits))
    }
}

/// Longest command line that is sent, in bytes.
pub(crate) const MAX_SCRIPT: usize = 16 << 20;

/// The lines that make the shell run `script` in a subshell without standard input. An error where
/// a shell could not read it.
pub fn request(nonce: &Nonce, script: &str) -> Result<Vec<u8>, GuestError> {
    if script.contains('\0') {
        return Err(GuestError::unsendable("it contains a NUL byte, which no shell can read"));
    }
    if script.len() > MAX_SCRIPT {
        return Err(GuestError::unsendable(format!("it is {} bytes long, the limit is {MAX_SCRIPT}", script.len())));
    }
    let n = nonce.digits();
    let quoted = script.replace('\'', r"'\''");
    // `cd -P` is the one builtin that tells a subshell its own process number. `eval` of a quoted
    // word keeps syntax errors inside the subshell; the blank keeps a leading dash from being an
    // option, the newline ends a comment or a here-document on the last line.
    Ok(framed(
        nonce,
        &format!(
            "(cd -P /proc/self 2>/dev/null; printf '\\036{n}<%s\\n' \"${{PWD##*/}}\"; printf '\\036{n}<\\n' >&2; \
             cd /; unset OLDPWD; eval ' {quoted}\n') </dev/null"
        ),
    ))
}

/// The lines that make the shell run `body` itself, not in a subshell: for its own set-up only. The
/// process number is the shell's.
pub fn setup(nonce: &Nonce, body: &str) -> Vec<u8> {
    let n = nonce.digits();
    framed(nonce, &format!("printf '\\036{n}<%s\\n' \"$$\"; printf '\\036{n}<\\n' >&2\n{body}"))
}

/// The lines that make the shell run `script` as [`request`] does, and print the hint of its end.
pub fn guarded(nonce: &Nonce, script: &str) -> Result<Vec<u8>, GuestError> {
    let mut lines = request(nonce, script)?;
    let n = nonce.digits();
    let end = format!("printf '\\036{n}>%d\\n' \"$?\"; printf '\\036{n}>\\n' >&2\n");
    lines.truncate(lines.len() - end.len());
    let hint = format!("muster_status=$?; printf '\\036{n}|%d\\n' \"$muster_status\"; printf '\\036{n}|\\n' >&2\n");
    lines.extend_from_slice(hint.as_bytes());
    Ok(lines)
}

/// The lines that end a guarded command: `end` is a nonce of their own. `doubtful` has the shell say
/// whether it can parse the command line, which only its exit status can make necessary.
pub fn release(end: &Nonce, script: &str, doubtful: bool) -> Vec<u8> {
    let n = end.digits();
    let parse = match doubtful {
        // A shell that does not run what it reads; it says nothing but its status.
        true => format!(
            "printf '%s\\n' '{}' | /bin/sh -n >/dev/null 2>&1 || muster_flags=s\n",
            script.replace('\'', r"'\''")
        ),
        false => String::new(),
    };
    format!(
        "muster_flags=\n{parse}{HOLDERS}printf '\\036{n}>%d%s\\n' \"$muster_status\" \"$muster_flags\"; \
         printf '\\036{n}>\\n' >&2; unset muster_flags muster_status muster_of muster_above; unset -f muster_holds\n"
    )
    .into_bytes()
}

/// Statuses by which shells end on a syntax error: dash, bash and busybox 2, mksh and zsh 1, ksh93 3.
pub(crate) const SYNTAX_STATUSES: std::ops::RangeInclusive<i32> = 1..=3;

/// Looks whether a process has one of the shell's streams as its standard output or error, in builtins
/// alone. Those above the shell (sudo) have the same streams by right.
const HOLDERS: &str = r#"muster_holds() {
  [ "$1/fd/1" -ef "/proc/$$/fd/1" ] || [ "$1/fd/2" -ef "/proc/$$/fd/2" ] ||
    [ "$1/fd/1" -ef "/proc/$$/fd/2" ] || [ "$1/fd/2" -ef "/proc/$$/fd/1" ]
}
[ / -ef / ] 2>/dev/null && for muster_of in /proc/[0-9]*; do
  muster_holds "$muster_of" || continue
  case ${muster_of#/proc/} in $$ | $PPID) continue ;; esac
  muster_above=
  { read -r muster_above <"/proc/$PPID/stat"; } 2>/dev/null
  muster_above=${muster_above##*) ? }
  [ "${muster_of#/proc/}" != "${muster_above%% *}" ] || continue
  # One that has just been started may not have turned its streams elsewhere yet.
  for muster_above in 1 2 3 4 5; do (:); muster_holds "$muster_of" || continue 2; done
  muster_flags=${muster_flags}h
  break
done
"#;

fn framed(nonce: &Nonce, body: &str) -> Vec<u8> {
    let n = nonce.digits();
    // On a line of its own: a shell that throws away the rest of a line (bash does when it cannot
    // fork) still prints the end markers.
    format!("{body}\nprintf '\\036{n}>%d\\n' \"$?\"; printf '\\036{n}>\\n' >&2\n").into_bytes()
}

/// A finished command as its frame tells it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frame {
    /// The exit status.
    pub status: i32,
    /// At most the limit.
    pub stdout: Vec<u8>,
    /// At most the limit.
    pub stderr: Vec<u8>,
    /// What else was seen of a guarded one.
    pub notes: Notes,
}

/// What the parser learnt. Numbers are those [`Deframer::expect`] returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The command has started, as this process if the guest could tell.
    Begun(u64, Option<u32>),
    /// It printed more than its limit. Told once; the excess is dropped.
    Overflow(u64),
    /// A guarded command says that it is over, with this status. Nothing proves it yet.
    Hinted(u64, i32),
    /// Both of its end markers are here.
    Ended(u64, Frame),
}

/// The streams do not follow the protocol; nothing further can be believed of this shell.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Violation(pub String);

#[derive(Debug)]
struct Expected {
    nonce: Nonce,
    limit: usize,
    overflow: bool,
    frozen: bool,
    output: [Vec<u8>; 2],
    status: i32,
    closed: [bool; 2],
    guard: Guard,
    notes: Notes,
    hint: i32,
}

/// How the end of a frame is recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Guard {
    /// By markers with the nonce of its beginning.
    None,
    /// By markers with a nonce that has not been sent yet.
    Unsent,
    /// By markers with this nonce.
    Sent(Nonce),
}

#[derive(Debug, Default)]
struct StreamState {
    /// The frame this stream is in, or before.
    frame: u64,
    inside: bool,
    /// Inside, after the hint of its end.
    after: bool,
    /// The beginning of what may be a marker.
    held: Vec<u8>,
}

/// Takes both streams of a shell apart into frames. Memory: the limits of the expected frames.
#[derive(Debug, Default)]
pub struct Deframer {
    /// Number of the first of `expected`.
    first: u64,
    expected: VecDeque<Expected>,
    stream_states: [StreamState; 2],
    events: VecDeque<Event>,
    stray: u64,
    excerpt: Vec<u8>,
}

/// What stands at a byte that could begin a marker.
enum Candidate {
    /// No marker: the byte is content.
    Content,
    /// Not enough bytes to tell.
    Undecided,
    /// A begin marker of so many bytes.
    Begin(usize, Option<u32>),
    /// A hint of so many bytes that the command is over.
    Hint(usize, i32),
    /// An end marker of so many bytes.
    End(usize, i32, Notes),
}

impl Deframer {
    /// Announces a frame: its request has been, or will be, written after all announced before.
    /// `limit` is in bytes, for each stream.
    pub fn expect(&mut self, nonce: Nonce, limit: usize) -> u64 {
        self.announce(nonce, limit, Guard::None)
    }

    /// The same for a guarded frame, whose end has a nonce that [`Deframer::release`] tells.
    pub(crate) fn expect_guarded(&mut self, nonce: Nonce, limit: usize) -> u64 {
        self.announce(nonce, limit, Guard::Unsent)
    }

    /// The nonce of a guarded frame's end, right before it is sent.
    pub fn release(&mut self, frame: u64, end: Nonce) {
        if let Some(expected) = self.at(frame) {
            expected.guard = Guard::Sent(end);
        }
    }

    fn announce(&mut self, nonce: Nonce, limit: usize, guard: Guard) -> u64 {
        self.expected.push_back(Expected {
            nonce,
            limit,
            overflow: false,
            frozen: false,
            output: [Vec::new(), Vec::new()],
            status: 0,
            closed: [false; 2],
            guard,
            notes: Notes::default(),
            hint: 0,
        });
        self.first + self.expected.len() as u64 - 1
    }

    /// Takes bytes as they arrive, torn anywhere.
    pub fn feed(&mut self, stream: Stream, bytes: &[u8]) -> Result<(), Violation> {
        let stream_state = &mut self.stream_states[stream.index()];
        if stream_state.held.is_empty() {
            return self.scan(stream, bytes);
        }
        let mut data = std::mem::take(&mut stream_state.held);
        data.extend_from_slice(bytes);
        self.scan(stream, &data)
    }

    /// The next event, in order.
    pub fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Keeps the output of a frame as it is now; what still comes is dropped.
    pub fn freeze(&mut self, frame: u64) {
        if let Some(expected) = self.at(frame) {
            expected.frozen = true;
        }
    }

    /// Takes the output so far of a frame that will never end. The status is that of a killed process.
    pub(crate) fn abandon(&mut self, frame: u64) -> Frame {
        let [stdout, stderr] = self.at(frame).map(|expected| std::mem::take(&mut expected.output)).unwrap_or_default();
        Frame { status: 137, stdout, stderr, notes: Notes::default() }
    }

    /// Whether the end marker on standard output is here: the command is over.
    pub fn is_over(&mut self, frame: u64) -> bool {
        self.at(frame).is_none_or(|expected| expected.closed[Stream::Out.index()])
    }

    /// Bytes seen outside any frame.
    pub fn stray(&self) -> u64 {
        self.stray
    }

    /// The first of them, escaped and on one line.
    pub fn stray_excerpt(&self) -> String {
        text::one_line(&text::escape_bytes(&self.excerpt), 300)
    }

    fn at(&mut self, frame: u64) -> Option<&mut Expected> {
        self.expected.get_mut(usize::try_from(frame.checked_sub(self.first)?).ok()?)
    }

    fn scan(&mut self, stream: Stream, mut data: &[u8]) -> Result<(), Violation> {
        let mut from = 0;
        while let Some(found) = data[from..].iter().position(|byte| *byte == RS) {
            let mark = from + found;
            match self.candidate(stream, &data[mark..])? {
                Candidate::Content => from = mark + 1,
                Candidate::Undecided => {
                    self.content(stream, &data[..mark]);
                    self.stream_states[stream.index()].held = data[mark..].to_vec();
                    return Ok(());
                }
                Candidate::Begin(length, pid) => {
                    self.content(stream, &data[..mark]);
                    self.begin(stream, pid);
                    (data, from) = (&data[mark + length..], 0);
                }
                Candidate::Hint(length, status) => {
                    self.content(stream, &data[..mark]);
                    self.hint(stream, status);
                    (data, from) = (&data[mark + length..], 0);
                }
                Candidate::End(length, status, notes) => {
                    self.content(stream, &data[..mark]);
                    self.end(stream, status, notes);
                    (data, from) = (&data[mark + length..], 0);
                }
            }
        }
        self.content(stream, data);
        Ok(())
    }

    fn candidate(&mut self, stream: Stream, data: &[u8]) -> Result<Candidate, Violation> {
        let StreamState { frame, inside, after, .. } = self.stream_states[stream.index()];
        let digits = &data[1..data.len().min(1 + NONCE)];
        if after {
            return self.candidate_after(stream, data, digits);
        }
        let guarded = self.at(frame).is_some_and(|expected| expected.guard != Guard::None);
        let of = |expected: Option<&mut Expected>| expected.is_some_and(|e| e.nonce.0.starts_with(digits));
        let mine = of(self.at(frame));
        let following = inside && of(self.at(frame + 1));
        if !mine && !following {
            return Ok(Candidate::Content);
        }
        let Some((kind, rest)) = data.get(1 + NONCE..).and_then(<[u8]>::split_first) else {
            return Ok(Candidate::Undecided);
        };
        if following {
            return Err(Violation("the next command began before the end marker of this one was seen".into()));
        }
        match (kind, inside) {
            (b'>', true) if guarded => Err(Violation(format!("a command imitates a marker: {}", quote(data)))),
            (b'|', true) if !guarded => Err(Violation(format!("a command imitates a marker: {}", quote(data)))),
            (b'<', false) | (b'>' | b'|', true) => {
                let Some(end) = rest.iter().take(MARK).position(|byte| *byte == b'\n') else {
                    return match rest.len() {
                        0..MARK => Ok(Candidate::Undecided),
                        _ => Err(Violation(format!("a marker is damaged: {}", quote(data)))),
                    };
                };
                let length = NONCE + 3 + end;
                let mark = match (inside, number(&rest[..end])) {
                    (false, Some(pid)) if stream == Stream::Out => Candidate::Begin(length, pid),
                    (false, Some(None)) => Candidate::Begin(length, None),
                    (true, Some(Some(status @ 0..=255))) if stream == Stream::Out && guarded => {
                        Candidate::Hint(length, status as i32)
                    }
                    (true, Some(None)) if stream == Stream::Err && guarded => Candidate::Hint(length, 0),
                    (true, Some(Some(status @ 0..=255))) if stream == Stream::Out => {
                        Candidate::End(length, status as i32, Notes::default())
                    }
                    (true, Some(None)) if stream == Stream::Err => Candidate::End(length, 0, Notes::default()),
                    _ => return Err(Violation(format!("a marker is damaged: {}", quote(data)))),
                };
                Ok(mark)
            }
            (b'>', false) => Err(Violation("a command ended that had not begun".into())),
            _ => Err(Violation(format!("a marker is where none can be: {}", quote(data)))),
        }
    }

    /// What stands at a byte behind the hint of a guarded frame: its end marker, or what is late.
    fn candidate_after(&mut self, stream: Stream, data: &[u8], digits: &[u8]) -> Result<Candidate, Violation> {
        let frame = self.stream_states[stream.index()].frame;
        let Some(expected) = self.at(frame) else { return Ok(Candidate::Content) };
        let (again, guard) = (expected.nonce.0.starts_with(digits), expected.guard);
        let ends = matches!(guard, Guard::Sent(end) if end.0.starts_with(digits));
        if digits.len() < NONCE && (again || ends) {
            return Ok(Candidate::Undecided);
        }
        if again {
            return Err(Violation("the command imitated the marker of its own end".into()));
        }
        if !ends {
            return Ok(Candidate::Content);
        }
        let rest = data.get(1 + NONCE..).unwrap_or_default();
        let Some(end) = rest.iter().take(1 + MARK).position(|byte| *byte == b'\n') else {
            return match rest.len() {
                0..=MARK => Ok(Candidate::Undecided),
                _ => Err(Violation(format!("a marker is damaged: {}", quote(data)))),
            };
        };
        let length = NONCE + 2 + end;
        let damaged = || Violation(format!("a marker is damaged: {}", quote(data)));
        let mark = rest[..end].strip_prefix(b">").ok_or_else(damaged)?;
        let digits = mark.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let notes = match &mark[digits..] {
            b"" => Notes::default(),
            b"s" => Notes { unparsed: true, ..Notes::default() },
            b"h" => Notes { left_open: true, ..Notes::default() },
            b"sh" => Notes { unparsed: true, left_open: true, ..Notes::default() },
            _ => return Err(damaged()),
        };
        match (stream, number(&mark[..digits])) {
            (Stream::Out, Some(Some(status @ 0..=255))) => Ok(Candidate::End(length, status as i32, notes)),
            (Stream::Err, Some(None)) => Ok(Candidate::End(length, 0, Notes::default())),
            _ => Err(damaged()),
        }
    }

    fn content(&mut self, stream: Stream, bytes: &[u8]) {
        let stream_state = &self.stream_states[stream.index()];
        let (frame, inside, after) = (stream_state.frame, stream_state.inside, stream_state.after);
        if bytes.is_empty() {
            return;
        }
        if !inside {
            self.stray += bytes.len() as u64;
            self.excerpt.extend(bytes.iter().take(EXCERPT - self.excerpt.len().min(EXCERPT)));
            return;
        }
        let Some(expected) = self.at(frame) else { return };
        if after {
            expected.notes.late_bytes += bytes.len() as u64;
            return;
        }
        if expected.frozen {
            return;
        }
        let output = &mut expected.output[stream.index()];
        let room = expected.limit.saturating_sub(output.len());
        output.extend_from_slice(&bytes[..bytes.len().min(room)]);
        if bytes.len() > room && !expected.overflow {
            expected.overflow = true;
            self.events.push_back(Event::Overflow(frame));
        }
    }

    fn begin(&mut self, stream: Stream, pid: Option<u32>) {
        let stream_state = &mut self.stream_states[stream.index()];
        stream_state.inside = true;
        let frame = stream_state.frame;
        if stream == Stream::Out {
            self.events.push_back(Event::Begun(frame, pid));
        }
    }

    fn hint(&mut self, stream: Stream, status: i32) {
        let stream_state = &mut self.stream_states[stream.index()];
        stream_state.after = true;
        let frame = stream_state.frame;
        let both = self.stream_states.iter().all(|stream_state| stream_state.frame == frame && stream_state.after);
        let Some(expected) = self.at(frame) else { return };
        if stream == Stream::Out {
            expected.hint = status;
        }
        let status = expected.hint;
        if both {
            self.events.push_back(Event::Hinted(frame, status));
        }
    }

    fn end(&mut self, stream: Stream, status: i32, notes: Notes) {
        let stream_state = &mut self.stream_states[stream.index()];
        stream_state.inside = false;
        stream_state.after = false;
        let frame = stream_state.frame;
        stream_state.frame += 1;
        if let Some(expected) = self.at(frame) {
            expected.closed[stream.index()] = true;
            if stream == Stream::Out {
                expected.status = status;
                expected.notes = Notes { late_bytes: expected.notes.late_bytes, ..notes };
            }
        }
        while self.expected.front().is_some_and(|expected| expected.closed == [true; 2]) {
            let Some(Expected { status, notes, output: [stdout, stderr], .. }) = self.expected.pop_front() else {
                return;
            };
            self.events.push_back(Event::Ended(self.first, Frame { status, stdout, stderr, notes }));
            self.first += 1;
        }
    }
}

/// Digits up to a 32-bit number; `Some(None)` when there are none.
fn number(digits: &[u8]) -> Option<Option<u32>> {
    if digits.is_empty() {
        return Some(None);
    }
    let text = std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
    text.parse().ok().map(Some)
}

fn quote(data: &[u8]) -> String {
    text::one_line(&text::escape_bytes(&data[..data.len().min(80)]), 120)
}

#[cfg(test)]
mod tests;
