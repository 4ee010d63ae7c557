//! The messages of a line. What a kernel says stands behind a time stamp, a level and a caller, and
//! several writers share a port: user space leaves an unfinished line before it, and two processors
//! tear each other's lines. So a line is cut at every time stamp, and each part is a message of its
//! own; what tools print before messages ([`forms`]) is taken off. Pure.

use std::borrow::Cow;

use super::forms;

/// One message of a line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Message<'l> {
    /// Seconds of the kernel's clock, when it has a time stamp.
    pub stamp: Option<f64>,
    /// What was said, without level, caller, date, host and blanks before it.
    pub text: Cow<'l, str>,
    /// Another way to read it, where the form of the log leaves open whether its first name is a host's.
    pub other: Option<Cow<'l, str>>,
}

impl Message<'_> {
    /// A message that is known to be one.
    pub(crate) fn plain(text: String) -> Self {
        Self { stamp: None, text: Cow::Owned(text), other: None }
    }

    /// Both ways to read it, the likelier first.
    pub(crate) fn readings(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&*self.text).chain(self.other.as_deref())
    }
}

/// The messages of a line, in order; those without text are left out. `begins` says that the text is
/// the beginning of a line and not the rest of a long one, of which only what follows a time stamp can
/// be known to be a message.
pub(crate) fn messages(line: &str, begins: bool) -> impl Iterator<Item = Message<'_>> {
    let said = if begins { forms::record(line) } else { None };
    let record = said.is_some();
    let said = said.unwrap_or_default().into_iter().flat_map(|said| cut(&said, true).map(owned).collect::<Vec<_>>());
    said.chain(cut(line, begins).filter(move |_| !record))
}

fn owned(message: Message<'_>) -> Message<'static> {
    let own = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
    Message { stamp: message.stamp, text: own(message.text), other: message.other.map(own) }
}

fn cut(line: &str, begins: bool) -> impl Iterator<Item = Message<'_>> {
    let mut rest = Some((line, begins.then_some(None)));
    let mut hypervisor = false;
    std::iter::from_fn(move || {
        loop {
            let (text, stamp) = rest.take()?;
            let end = match next_stamp(text.as_bytes(), 0) {
                Some((at, length)) => {
                    let inner = text[at + 1..at + length - 1].trim();
                    let seconds = inner.split([' ', '<']).next().and_then(|seconds| seconds.parse().ok());
                    rest = Some((&text[at + length..], Some(seconds)));
                    at
                }
                None => text.len(),
            };
            // `None` is the unknown rest of a line that began in an earlier piece.
            let Some(stamp) = stamp else { continue };
            let message = bare(&text[..end], stamp, std::mem::take(&mut hypervisor));
            // Xen's name stands before its stamp, and rules know its messages by it.
            hypervisor = message.text.trim_end() == XEN.trim_end() && rest.is_some();
            // A prompt alone is a message too: it shows that user space runs.
            let prompt = text[..end].trim();
            if message.text.is_empty() && prompt.ends_with(" login:") {
                return Some(Message { stamp, text: Cow::Borrowed(prompt), other: None });
            }
            if !message.text.is_empty() && !hypervisor {
                return Some(message);
            }
        }
    })
}

const XEN: &str = "(XEN) ";
const SCOPE: &str = "init.scope[1]: ";

fn bare(text: &str, stamp: Option<f64>, hypervisor: bool) -> Message<'_> {
    let bare = forms::bare(text, stamp.is_some());
    if hypervisor {
        return Message { stamp, text: Cow::Owned(format!("{XEN}{}", bare.text)), other: None };
    }
    if let Some(rest) = bare.text.strip_prefix(XEN) {
        let said = forms::bare(rest, false).text;
        if said.len() < rest.len() {
            return Message { stamp, text: Cow::Owned(format!("{XEN}{said}")), other: None };
        }
    }
    // `journalctl -o with-unit` names the unit of the first process and not its program.
    let named = |text| match str::strip_prefix(text, SCOPE) {
        Some(rest) => Cow::Owned(format!("systemd[1]: {rest}")),
        None => Cow::Borrowed(text),
    };
    Message { stamp, text: named(bare.text), other: bare.other.map(named) }
}

/// Where the first time stamp (`[   12.345678]`) at or after `from` begins, and its length.
pub(crate) fn next_stamp(bytes: &[u8], from: usize) -> Option<(usize, usize)> {
    let mut at = from;
    while let Some(found) = bytes.get(at..)?.iter().position(|&byte| byte == b'[') {
        at += found;
        if let Some(length) = stamp_length(&bytes[at..]) {
            return Some((at, length));
        }
        at += 1;
    }
    None
}

/// The longest time stamp: brackets, twelve digits or blanks, a point, six digits, and the time since the
/// message before, as `dmesg -d` (`<    0.000012>`), `journalctl -o short-delta` and grabserial print it.
pub(crate) const LONGEST_STAMP: usize = 45;

/// The longest one without that.
const LONGEST_PLAIN: usize = 21;

fn stamp_length(bytes: &[u8]) -> Option<usize> {
    let bytes = &bytes[..bytes.len().min(LONGEST_STAMP)];
    let count = |from: usize, kind: fn(&u8) -> bool| {
        bytes.get(from..).unwrap_or_default().iter().take_while(|byte| kind(byte)).count()
    };
    let blanks = count(1, |byte| *byte == b' ');
    let seconds = count(1 + blanks, u8::is_ascii_digit);
    let point = 1 + blanks + seconds;
    if seconds == 0 || point + 7 >= LONGEST_PLAIN || bytes.get(point) != Some(&b'.') {
        return None;
    }
    if count(point + 1, u8::is_ascii_digit) != 6 {
        return None;
    }
    let close = point + 7;
    let since = count(close, |byte| matches!(byte, b' ' | b'<' | b'>' | b'.' | b'0'..=b'9'));
    let delta = since == 0 || bytes.get(close) == Some(&b' ');
    (delta && bytes.get(close + since) == Some(&b']')).then_some(close + since + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(line: &str) -> Vec<String> {
        messages(line, true).map(|message| message.text.into_owned()).collect()
    }

    #[test]
    fn the_samples_of_all_forms_are_their_messages() {
        for form in forms::FORMS {
            for said in ["x", "BUG: KASAN: x"] {
                let line = form.sample.replace("{}", said);
                let read: Vec<_> = messages(&line, true).collect();
                let last = read.last().unwrap_or_else(|| panic!("{}: {line} has no message", form.name));
                assert!(last.readings().any(|text| text == said), "{}: {line}: {read:?}", form.name);
            }
        }
    }

    #[test]
    fn what_looks_like_a_stamp_and_is_none_stays() {
        for line in [
            "[  OK  ] Started x",
            "[1.2] x",
            "[ 12.1234567] x",
            "[12.123456 x",
            "(initramfs) ",
            "[ BUG: x ]",
            "[!!!!!!] x",
        ] {
            assert_eq!(texts(line), [line], "{line}");
        }
        assert_eq!(texts("(XEN) [2026-10-13 12:00:01.123] Panic on CPU 0:"), ["(XEN) Panic on CPU 0:"]);
        assert_eq!(texts("(XEN) [   12.345678] Panic on CPU 0:"), ["(XEN) Panic on CPU 0:"]);
        assert_eq!(texts("(XEN) Panic on CPU 0:"), ["(XEN) Panic on CPU 0:"]);
        assert_eq!(
            texts("Tue 2026-10-13 12:00:01 UTC host init.scope[1]: Freezing execution."),
            ["systemd[1]: Freezing execution."]
        );
    }

    #[test]
    fn a_line_is_cut_at_every_stamp() {
        let torn = "lab login: ab[   35.100000] Kernel pan[   35.100001][    C1] usb 1-1: new[  1.5] y";
        assert_eq!(texts(torn), ["ab", "Kernel pan", "usb 1-1: new[  1.5] y"]);
        let stamps: Vec<_> = messages(torn, true).map(|message| message.stamp).collect();
        assert_eq!(stamps, [None, Some(35.1), Some(35.100001)]);
        let delta: Vec<_> = messages("[   12.345678 <    0.000012>] x", true).map(|message| message.stamp).collect();
        assert_eq!(delta, [Some(12.345678)]);
    }

    #[test]
    fn the_rest_of_a_long_line_has_messages_only_behind_stamps() {
        let found: Vec<_> =
            messages("ne=Kernel panic[    2.000000] x", false).map(|message| message.text.into_owned()).collect();
        assert_eq!(found, ["x"]);
        assert_eq!(messages("Kernel panic - not syncing", false).count(), 0);
        assert_eq!(messages("{\"MESSAGE\":\"Kernel panic - not syncing\"}", false).count(), 0);
    }
}
