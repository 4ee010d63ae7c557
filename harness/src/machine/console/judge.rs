//! Clean lines become findings and host keys. Pure; one per console.

use std::collections::BTreeMap;

use super::lines::{Lines, Piece};
use super::rules::{Rules, Severity, is_about_time};
use super::{ConsoleEvent, Finding};

/// Findings of one category that are told; further ones are only counted, since a guest can print
/// warnings faster than anyone can read them.
const TOLD_PER_CATEGORY: u64 = 50;

/// Host keys that are believed to belong to one guest.
const MOST_HOST_KEYS: usize = 16;

/// Judges a console while it prints.
#[derive(Debug, Default)]
pub struct Judge {
    emulated: bool,
    lines: Lines,
    counts: BTreeMap<&'static str, u64>,
    /// Line number and category of the last finding, so that a line judged while it was unfinished is
    /// not told again when it ends.
    last: Option<(u64, &'static str)>,
    host_keys: HostKeys,
}

#[derive(Debug, Default)]
struct HostKeys {
    open: bool,
    keys: Vec<String>,
}

impl Judge {
    /// A judge for a guest that is emulated, or not: what only says that something took too long is
    /// no more than a remark under emulation.
    pub fn new(emulated: bool) -> Self {
        Self { emulated, ..Self::default() }
    }

    /// Takes bytes as they came. `see` gets every clean piece, in order, before its events.
    pub fn push(&mut self, bytes: &[u8], see: &mut dyn FnMut(&Piece)) -> Vec<ConsoleEvent> {
        let pieces = self.lines.push(bytes);
        self.judge(pieces, see)
    }

    /// Judges what has come of an unfinished line: a rescue prompt never ends its line. Call it when
    /// nothing has come for a moment.
    pub fn pause(&mut self) -> Vec<ConsoleEvent> {
        self.lines.unfinished().and_then(|piece| self.finding(&piece)).map(ConsoleEvent::Finding).into_iter().collect()
    }

    /// Judges the rest when the stream has ended.
    pub fn finish(&mut self, see: &mut dyn FnMut(&Piece)) -> Vec<ConsoleEvent> {
        let rest = self.lines.finish();
        self.judge(rest, see)
    }

    /// What came of a line that has not ended, for an excerpt.
    pub fn unfinished(&self) -> Option<Piece> {
        self.lines.unfinished()
    }

    /// How often each category was found, told or not.
    pub fn counts(&self) -> &BTreeMap<&'static str, u64> {
        &self.counts
    }

    fn judge(&mut self, pieces: impl IntoIterator<Item = Piece>, see: &mut dyn FnMut(&Piece)) -> Vec<ConsoleEvent> {
        let mut events = Vec::new();
        for piece in pieces {
            see(&piece);
            events.extend(self.host_keys.take(&piece.text).map(ConsoleEvent::HostKeys));
            events.extend(self.finding(&piece).map(ConsoleEvent::Finding));
        }
        events
    }

    fn finding(&mut self, piece: &Piece) -> Option<Finding> {
        let rule = Rules::shared().first_match(&piece.text)?;
        if self.last == Some((piece.number, rule.category)) {
            return None;
        }
        self.last = Some((piece.number, rule.category));
        let count = self.counts.entry(rule.category).or_default();
        *count += 1;
        if *count > TOLD_PER_CATEGORY && rule.severity != Severity::Fatal {
            return None;
        }
        let severity = match rule.severity {
            Severity::Fail if self.emulated && is_about_time(rule.category) => Severity::Info,
            stated => stated,
        };
        Some(Finding {
            category: rule.category,
            severity,
            line: crate::text::one_line(&piece.text, 500),
            line_number: piece.number,
        })
    }
}

impl HostKeys {
    /// The keys, when this line ends their block.
    fn take(&mut self, line: &str) -> Option<Vec<String>> {
        if line.contains("-----BEGIN SSH HOST KEY KEYS-----") {
            *self = Self { open: true, keys: Vec::new() };
        } else if line.contains("-----END SSH HOST KEY KEYS-----") {
            self.open = false;
            let keys = std::mem::take(&mut self.keys);
            return (!keys.is_empty()).then_some(keys);
        } else if self.open
            && self.keys.len() < MOST_HOST_KEYS
            && let Some(key) = host_key(line)
        {
            self.keys.push(key);
        }
        None
    }
}

/// `type base64` of a public key in the line, without its comment. Other text may stand before it,
/// since the kernel and init write to the same port.
fn host_key(line: &str) -> Option<String> {
    let mut words = line.split_whitespace().skip_while(|word| {
        !(word.starts_with("ssh-") || word.starts_with("ecdsa-sha2-") || word.starts_with("sk-ssh-"))
    });
    let (kind, blob) = (words.next()?, words.next()?);
    let base64 = |c: char| c.is_ascii_alphanumeric() || "+/=".contains(c);
    (blob.starts_with("AAAA") && blob.chars().all(base64)).then(|| format!("{kind} {blob}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(chunks: &[&[u8]]) -> Vec<ConsoleEvent> {
        let mut judge = Judge::default();
        let mut all: Vec<_> = chunks.iter().flat_map(|chunk| judge.push(chunk, &mut |_| ())).collect();
        all.extend(judge.finish(&mut |_| ()));
        all
    }

    #[test]
    fn a_panic_in_pieces_is_found_once_with_its_line() {
        let found =
            events(&[b"one\ntwo\n[   3.000001] Kernel pa", b"nic - not syncing: \x1b[1mVFS\x1b[0m: x\r\nthree\n"]);
        let finding = Finding {
            category: "kernel-panic",
            severity: Severity::Fatal,
            line: "[   3.000001] Kernel panic - not syncing: VFS: x".to_owned(),
            line_number: 3,
        };
        assert_eq!(found, [ConsoleEvent::Finding(finding)]);
    }

    #[test]
    fn an_unfinished_prompt_is_found_at_a_pause_and_not_again() {
        let mut judge = Judge::default();
        assert_eq!(judge.push(b"grub rescue> ", &mut |_| ()), []);
        assert_eq!(judge.pause().len(), 1);
        assert_eq!(judge.pause(), []);
        assert_eq!(judge.push(b"\n", &mut |_| ()), []);
    }

    #[test]
    fn a_flood_of_warnings_is_told_in_part_and_counted_in_whole() {
        let mut judge = Judge::default();
        let line = b"[   1.000000] WARNING: CPU: 0 PID: 1 at a.c:1 f+0x1/0x2\n";
        let told: usize = (0..200).map(|_| judge.push(line, &mut |_| ()).len()).sum();
        assert_eq!((told, judge.counts()["warning"]), (50, 200));
    }

    #[test]
    fn slowness_speaks_against_nobody_under_emulation() {
        let line = b"[  281.646907] watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [cc1:4588]\n";
        let severity = |emulated| match &Judge::new(emulated).push(line, &mut |_| ())[..] {
            [ConsoleEvent::Finding(finding)] => Some(finding.severity),
            _ => None,
        };
        assert_eq!((severity(true), severity(false)), (Some(Severity::Info), Some(Severity::Fail)));
    }

    #[test]
    fn host_keys_are_collected_from_their_block_only() {
        let found = events(&[
            b"ssh-ed25519 AAAAbefore root@x\n-----BEGIN SSH HOST KEY KEYS-----\r\necdsa-sha2-nistp256 AAAA+1= root@lab\r\n",
            b"[  20.1] noise ssh-ed25519 AAAAC3 root@lab\nssh-rsa <script>\n-----END SSH HOST KEY KEYS-----\r\nssh-rsa AAAAafter\n",
        ]);
        let keys = vec!["ecdsa-sha2-nistp256 AAAA+1=".to_owned(), "ssh-ed25519 AAAAC3".to_owned()];
        assert_eq!(found, [ConsoleEvent::HostKeys(keys)]);
    }
}
