//! Shell text for probes. Subjects come from suites by strangers: each is quoted, so that it can
//! be nothing but an argument.

use std::collections::{BTreeMap, BTreeSet};

use crate::unreadable::{Read, Unreadable};
use muster_guest::Reply;

/// One word for POSIX sh, whatever it contains. NUL, which no argument can hold, becomes U+FFFD.
pub fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\0', "\u{fffd}").replace('\'', r"'\''"))
}

/// All of them as words.
pub fn quote_all<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    words.into_iter().map(quote).collect::<Vec<_>>().join(" ")
}

/// The beginning of a script that needs a program: without it the status is 127 and the program is
/// named, so that a missing tool is never taken for an empty answer.
pub fn need(program: &str) -> String {
    format!("command -v {program} >/dev/null 2>&1 || {{ echo '{program}: not found' >&2; exit 127; }}\n")
}

/// What [`cat!`] prints last.
const END: &str = "muster: end of file";

/// POSIX sh that prints files and then proves, by the same `cat`, that they were printed to the end: one
/// that prints nothing is no empty file. [`whole`] reads it. The words are shell text.
#[macro_export]
macro_rules! cat {
    ($words:literal) => {
        concat!("cat -- ", $words, " - <<'MUSTER'\nmuster: end of file\nMUSTER\n")
    };
}
pub use cat;

/// The content of the files that [`cat!`] printed; an error when it did not print to the end.
pub(super) fn whole(text: &str) -> Read<&str> {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix(END).ok_or_else(|| Unreadable::new("`cat` did not print it to the end"))
}

/// The names that a script printed behind `names:`, each with a slash behind it.
pub(super) fn names(text: &str) -> Read<Vec<String>> {
    let list = text.trim_start().strip_prefix("names:").ok_or_else(|| Unreadable::new("the list of names is torn"))?;
    Ok(list.split_terminator('/').map(str::to_owned).collect())
}

/// A script that runs one command for each name and tells name, status and output of each. Inside
/// `command`, `"$1"` is the name; its errors are part of its output.
pub fn batch<'a>(names: impl IntoIterator<Item = &'a str>, command: &str) -> String {
    format!(
        "export LC_ALL=C\none() {{\n{command}\n}}\nfor name in {}; do\n\
         out=$(one \"$name\" 2>&1); printf '%s\\0%s\\0%s\\0' \"$name\" \"$?\" \"$out\"\ndone\n",
        quote_all(names)
    )
}

/// What [`batch`] said of one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Status of its command.
    pub status: i32,
    /// Output and errors, without trailing newlines.
    pub output: String,
}

/// The records of these names in what [`batch`] printed; `None` when it is not made of whole records.
pub(crate) fn records_of(stdout: &[u8], names: &BTreeSet<String>) -> Option<Vec<u8>> {
    let mut fields = stdout.split(|byte| *byte == 0).collect::<Vec<_>>();
    if fields.pop() != Some(&[]) || fields.len() % 3 != 0 {
        return None;
    }
    let mut records = Vec::new();
    for record in fields.chunks_exact(3).filter(|record| names.iter().any(|name| name.as_bytes() == record[0])) {
        for field in record {
            records.extend_from_slice(field);
            records.push(0);
        }
    }
    Some(records)
}

/// Reads what [`batch`] printed; an error when the reply is not made of whole records.
pub fn answers(reply: &Reply) -> Read<BTreeMap<String, Answer>> {
    let broken = || Unreadable::new("the guest's shell did not answer in whole records");
    let mut answers = BTreeMap::new();
    let text = String::from_utf8_lossy(&reply.stdout);
    let mut fields = text.split('\0').collect::<Vec<_>>();
    if fields.pop() != Some("") || fields.len() % 3 != 0 {
        return Err(broken());
    }
    for record in fields.chunks_exact(3) {
        let status = record[1].parse().map_err(|_| broken())?;
        answers.insert(record[0].to_owned(), Answer { status, output: record[2].to_owned() });
    }
    Ok(answers)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn sh(script: &str) -> Reply {
        let output = Command::new("/bin/sh").arg("-c").arg(script).output().unwrap();
        Reply {
            status: output.status.code().unwrap_or(-1),
            stdout: output.stdout,
            stderr: output.stderr,
            ..Reply::default()
        }
    }

    #[test]
    fn hostile_names_are_inert_arguments() {
        let names = ["$(reboot)", "`id`", "a'b\"c", "; exit 3 #", "-n", "two\nlines", "\\0", "*", ""];
        let answers = answers(&sh(&batch(names, "printf '<%s>' \"$1\"; return 4"))).unwrap();
        assert_eq!(answers.len(), names.len());
        for name in names {
            assert_eq!(answers[name], Answer { status: 4, output: format!("<{name}>") });
        }
    }

    #[test]
    fn a_missing_program_is_named_with_127() {
        let reply = sh(&format!("{}echo fine", need("no-such-program")));
        assert_eq!((reply.status, reply.stdout.as_slice()), (127, b"".as_slice()));
        assert_eq!(reply.stderr, b"no-such-program: not found\n");
    }

    #[test]
    fn a_file_is_whole_only_with_its_end() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("a 'b'");
        for content in ["", "one\n", "no line feed", "\n\n"] {
            std::fs::write(&file, content).unwrap();
            let script = format!("f={}\n{}", quote(file.to_str().unwrap()), cat!("\"$f\""));
            let reply = sh(&script);
            assert_eq!(whole(&String::from_utf8_lossy(&reply.stdout)), Ok(content), "{reply:?}");
        }
        assert!(whole("").is_err() && whole("one\n").is_err());
    }

    #[test]
    fn a_torn_record_is_an_error() {
        for torn in ["a\x000", "a\x000\0", "a\x000\0x", "a\0zero\0x\0"] {
            let reply = Reply { stdout: torn.into(), ..Reply::default() };
            assert_eq!(
                answers(&reply).unwrap_err().to_string(),
                "the guest's shell did not answer in whole records",
                "{torn:?}"
            );
        }
        assert_eq!(answers(&Reply::default()), Ok(BTreeMap::new()));
    }
}
