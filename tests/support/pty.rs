//! `muster` in a terminal: a pseudo terminal, and of what is written to it the screen that a person would see.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Child, Command};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

/// What a terminal shows that is as high as it must be: text, and the few sequences that muster writes.
#[derive(Debug, Default, Clone)]
pub(crate) struct Shown {
    /// All lines since the beginning, also those that have left a real screen.
    pub lines: Vec<String>,
    /// All that was written, as it was.
    pub raw: String,
    /// How often lines were taken away.
    pub erased: usize,
    /// Whether it shows the keys that are pressed, when the command has ended.
    pub echoes: bool,
    /// Sequences that this terminal does not know.
    pub unknown: Vec<String>,
    row: usize,
    column: usize,
    columns: usize,
    /// A sequence, or a character of several bytes, of which more is to come.
    pending: Vec<u8>,
}

impl Shown {
    fn take(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
        let whole = match std::str::from_utf8(&self.pending) {
            Ok(_) => self.pending.len(),
            Err(error) => error.valid_up_to(),
        };
        let text = String::from_utf8_lossy(&self.pending[..whole]).into_owned();
        let mut rest = &*text;
        while let Some(c) = rest.chars().next() {
            let Some(after) = rest.strip_prefix("\x1b[") else {
                if c == '\x1b' && rest.len() == 1 {
                    break;
                }
                self.character(c);
                rest = &rest[c.len_utf8()..];
                continue;
            };
            let Some(end) = after.find(|c: char| ('@'..='~').contains(&c)) else { break };
            self.sequence(&after[..end], &after[end..=end]);
            rest = &after[end + 1..];
        }
        let taken = whole - rest.len();
        self.raw.push_str(&text[..taken]);
        self.pending.drain(..taken);
    }

    fn character(&mut self, c: char) {
        match c {
            '\r' => self.column = 0,
            '\n' => self.row += 1,
            '\u{7}' => {}
            '\u{8}' => self.column = self.column.saturating_sub(1),
            c => {
                if self.column == self.columns {
                    (self.row, self.column) = (self.row + 1, 0);
                }
                self.put(c);
            }
        }
        while self.lines.len() <= self.row {
            self.lines.push(String::new());
        }
    }

    fn put(&mut self, c: char) {
        while self.lines.len() <= self.row {
            self.lines.push(String::new());
        }
        let mut line: Vec<char> = self.lines[self.row].chars().collect();
        line.resize(line.len().max(self.column + 1), ' ');
        line[self.column] = c;
        self.column += 1;
        self.lines[self.row] = line.into_iter().collect();
    }

    fn sequence(&mut self, parameters: &str, end: &str) {
        match end {
            "m" => {}
            "A" => self.row = self.row.saturating_sub(parameters.parse().unwrap_or(1)),
            "J" if parameters.is_empty() => {
                self.erased += 1;
                self.lines.truncate(self.row + 1);
                if let Some(line) = self.lines.get_mut(self.row) {
                    *line = line.chars().take(self.column).collect();
                }
            }
            _ => self.unknown.push(format!("{parameters}{end}")),
        }
    }

    /// The lines that begin so.
    pub(crate) fn beginning(&self, with: &str) -> Vec<&str> {
        self.lines.iter().map(String::as_str).filter(|line| line.starts_with(with)).collect()
    }
}

/// A command in a terminal.
pub(crate) struct Pty {
    master: File,
    child: Child,
    shown: Arc<(Mutex<Shown>, Condvar)>,
}

impl Pty {
    /// Starts it in a terminal of this size.
    pub(crate) fn start(command: Command, columns: u16, rows: u16) -> Self {
        Self::start_as("xterm-256color", command, columns, rows)
    }

    /// The same in a terminal of this kind.
    pub(crate) fn start_as(kind: &str, mut command: Command, columns: u16, rows: u16) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a pseudo terminal");
        grantpt(&master).expect("granted");
        unlockpt(&master).expect("unlocked");
        let name = ptsname(&master, Vec::new()).expect("it has a name");
        let open = || -> OwnedFd {
            let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
            rustix::fs::open(&*name, flags, Mode::empty()).expect("the terminal opens")
        };
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&master, size).expect("it has a size");
        command.env("TERM", kind).stdin(open()).stdout(open()).stderr(open());
        let child = command.spawn().expect("the command starts");
        // The command holds the terminal's other end until it is dropped.
        drop(command);
        let shown = Shown { columns: usize::from(columns), lines: vec![String::new()], ..Shown::default() };
        let shown = Arc::new((Mutex::new(shown), Condvar::new()));
        let (master, there) = (File::from(master), shown.clone());
        let mut reader = master.try_clone().expect("read and written");
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            // An error is the end: nothing has the terminal open any more.
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                there.0.lock().expect("no panic").take(&buffer[..count]);
                there.1.notify_all();
            }
        });
        Self { master, child, shown }
    }

    /// Presses keys.
    pub(crate) fn press(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).expect("the terminal takes keys");
    }

    /// Makes the terminal wider. What was written for the narrower one fits.
    pub(crate) fn widen(&mut self, columns: u16, rows: u16) {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        self.shown.0.lock().expect("no panic").columns = usize::from(columns);
        tcsetwinsize(&self.master, size).expect("it has another size");
    }

    /// Waits until this is so of what is shown.
    pub(crate) fn until(&self, what: &str, is_so: impl Fn(&Shown) -> bool) -> Shown {
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut shown = self.shown.0.lock().expect("no panic");
        while !is_so(&shown) {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{what}: not within a minute\n{}\n{:?}", shown.lines.join("\n"), shown.raw);
            shown = self.shown.1.wait_timeout(shown, left).expect("no panic").0;
        }
        shown.clone()
    }

    /// Waits for the end of the command: its exit code, and what is left on the screen.
    pub(crate) fn end(mut self) -> (i32, Shown) {
        let deadline = Instant::now() + Duration::from_secs(60);
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("the child can be waited for") {
                break status.code().unwrap_or(-1);
            }
            if Instant::now() > deadline {
                let _ = self.child.kill();
                let _ = self.child.wait();
                panic!("the command did not end: {}", self.shown.0.lock().expect("no panic").lines.join("\n"));
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        // What the terminal still holds is read by now or within moments: its other end is closed.
        while Arc::strong_count(&self.shown) > 1 {
            std::thread::sleep(Duration::from_millis(5));
        }
        let mut shown = self.shown.0.lock().expect("no panic").clone();
        shown.echoes = tcgetattr(&self.master).is_ok_and(|modes| modes.local_modes.contains(LocalModes::ECHO));
        (status, shown)
    }
}
