//! What `journalctl` prints besides entries, and the proof that it has entries at all.
//!
//! When nothing matches, some versions say `-- No entries --` (systemd's journalctl.c) and others, 252 and 257
//! without a terminal among them, say nothing, as does one that cannot read the journal. So each script first
//! makes sure that the journal has this boot, and prints a line of its own before the entries.

use crate::unreadable::{Read, Unreadable};

/// POSIX sh that ends with 1 when the journal has no entry of this boot; the option narrows the entries.
/// JSON, because the newest message may be empty.
macro_rules! not_empty {
    ($option:literal) => {
        concat!(
            "case $(journalctl -b -n 1 -o json --no-pager -q ",
            $option,
            ") in '{'*) ;; *) echo 'the journal has no entries of this boot, or cannot be read' >&2; exit 1;; esac\n"
        )
    };
}
pub(super) use not_empty;

/// POSIX sh that prints `entries:` and what journalctl prints with these words.
/// Whole, also where it is not printable: a line that journalctl shows as `[12B blob data]` is one that nothing is found in.
macro_rules! entries {
    ($words:literal) => {
        concat!($crate::journal::not_empty!(""), "echo entries:\njournalctl -b -a --no-pager ", $words)
    };
}
pub(super) use entries;

/// The entries in what [`entries!`] printed, without journalctl's own lines.
pub(super) fn read(text: &str) -> Read<&str> {
    text.strip_prefix("entries:\n").map(messages).ok_or_else(|| Unreadable::new("the reading of the journal is torn"))
}

/// The entries in what `journalctl` printed, without its own lines.
pub(super) fn messages(said: &str) -> &str {
    // Versions before 252 name the range first: `-- Logs begin at …, end at …. --`, `-- Journal begins at … --`.
    let said = match said.split_once('\n') {
        Some((first, rest)) if range(first) => rest,
        None if range(said) => "",
        _ => said,
    };
    if said.trim_end() == "-- No entries --" { "" } else { said }
}

fn range(line: &str) -> bool {
    (line.starts_with("-- Logs begin at ") || line.starts_with("-- Journal begins at ")) && line.ends_with(" --")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remarks_are_no_entries_and_silence_is_no_answer() {
        assert_eq!(read("entries:\n-- No entries --\n"), Ok(""));
        assert_eq!(read("entries:\n"), Ok(""));
        assert_eq!(read("entries:\none\ntwo\n"), Ok("one\ntwo\n"));
        assert!(read("").is_err() && read("one\n").is_err());
        // systemd 239, then 250.
        let old =
            "-- Logs begin at Wed 2026-11-25 10:00:00 UTC, end at Wed 2026-11-25 10:01:00 UTC. --\n-- No entries --\n";
        assert_eq!(messages(old), "");
        let newer = "-- Journal begins at Wed 2026-11-25 10:00:00 UTC, ends at Wed 2026-11-25 10:01:00 UTC. --\none\n";
        assert_eq!(messages(newer), "one\n");
    }
}
