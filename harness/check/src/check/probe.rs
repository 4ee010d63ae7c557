//! What is read in the guest.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::shell;
use muster_guest::{End, Reply};

/// Something to read in the guest. It must not change the guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// Unique among the probes of one `expect:`; two types that need the same reading use the same
    /// key and script, and it is read once.
    pub key: String,
    /// POSIX sh.
    pub script: String,
    /// Unscaled limit.
    pub timeout: Duration,
    /// What the script is made of, when it runs one command for each of several names.
    batch: Option<Batch>,
}

/// One command, run for each name.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Batch {
    /// Checks before the first name.
    head: String,
    command: String,
    names: BTreeSet<String>,
}

impl Batch {
    fn script(&self) -> String {
        format!("{}{}", self.head, shell::batch(self.names.iter().map(String::as_str), &self.command))
    }
}

impl Probe {
    /// A probe with an unscaled limit in seconds.
    pub fn new(key: impl Into<String>, seconds: u64, script: impl Into<String>) -> Self {
        Self { key: key.into(), script: script.into(), timeout: Duration::from_secs(seconds), batch: None }
    }

    /// A probe that runs one command for each name; see [`shell::batch`]. None without names.
    pub(crate) fn batch(key: &str, seconds: u64, names: &BTreeSet<&str>, command: &str) -> Option<Self> {
        Self::of_batch(key, seconds, String::new(), names, command)
    }

    /// The same, after a check that the program is there.
    pub(crate) fn batch_with(
        key: &str,
        seconds: u64,
        tool: &str,
        names: &BTreeSet<&str>,
        command: &str,
    ) -> Option<Self> {
        Self::of_batch(key, seconds, shell::need(tool), names, command)
    }

    fn of_batch(key: &str, seconds: u64, head: String, names: &BTreeSet<&str>, command: &str) -> Option<Self> {
        let names: BTreeSet<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let batch = Batch { head, command: command.to_owned(), names };
        (!batch.names.is_empty())
            .then(|| Self { batch: Some(batch.clone()), ..Self::new(key, seconds, batch.script()) })
    }

    /// Takes in what another probe reads, when that is the same, or the same command for other names.
    /// False when it is neither; then nothing has changed.
    pub fn join(&mut self, other: &Self) -> bool {
        if self.key != other.key || self.timeout != other.timeout {
            return false;
        }
        let (Some(batch), Some(others)) = (&mut self.batch, &other.batch) else { return self.script == other.script };
        if batch.head != others.head || batch.command != others.command {
            return false;
        }
        let before = batch.names.len();
        batch.names.extend(others.names.iter().cloned());
        if batch.names.len() > before {
            self.script = batch.script();
        }
        true
    }

    /// What the reply to this probe says of what a probe reads that was joined into it: the reply that the other would have
    /// had, and its share of the time. A reply that is no answer to all names is none to some of them either.
    pub fn share(&self, joined: &Self, reply: &Reply) -> Reply {
        let whole = || reply.clone();
        let (Some(batch), Some(wanted)) = (&self.batch, &joined.batch) else { return whole() };
        if batch.names == wanted.names || reply.end != End::Exited || reply.status != 0 {
            return whole();
        }
        match shell::records_of(&reply.stdout, &wanted.names) {
            Some(stdout) => {
                let part = wanted.names.len() as f64 / batch.names.len() as f64;
                Reply { stdout, elapsed: reply.elapsed.mul_f64(part), ..whole() }
            }
            None => whole(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::reply;

    fn batch(key: &str, names: &[&str], command: &str) -> Probe {
        Probe::batch_with(key, 20, "cat", &names.iter().copied().collect(), command).unwrap()
    }

    #[test]
    fn the_same_command_for_other_names_is_one_probe() {
        let mut all = batch("k", &["a", "b"], "echo \"$1\"");
        let other = batch("k", &["b", "c"], "echo \"$1\"");
        assert!(all.join(&other));
        assert_eq!(all, batch("k", &["a", "b", "c"], "echo \"$1\""));
        let before = all.clone();
        for different in [
            batch("other", &["d"], "echo \"$1\""),
            batch("k", &["d"], "cat \"$1\""),
            Probe { timeout: Duration::from_secs(21), ..batch("k", &["d"], "echo \"$1\"") },
            Probe::batch("k", 20, &["d"].into(), "echo \"$1\"").unwrap(),
            Probe::new("k", 20, "echo"),
        ] {
            assert!(!all.join(&different), "{different:?}");
        }
        assert_eq!(all, before);
        let mut plain = Probe::new("k", 20, "echo");
        assert!(plain.join(&Probe::new("k", 20, "echo")) && !plain.join(&Probe::new("k", 20, "echo x")));
        assert!(!plain.join(&other));
    }

    #[test]
    fn each_gets_the_records_of_its_names_and_an_error_is_everybodys() {
        let mut all = batch("k", &["a", "b"], "true");
        let one = batch("k", &["b"], "true");
        assert!(all.join(&one) && all.join(&batch("k", &["c", "d"], "true")));
        let records = "a|0|x|b|4|no\nb|c|0||d|0|y|".replace('|', "\0");
        let good = Reply { elapsed: Duration::from_secs(8), ..reply(0, &records) };
        let part = all.share(&one, &good);
        assert_eq!((part.stdout.as_slice(), part.elapsed), (b"b\x004\0no\nb\0".as_slice(), Duration::from_secs(2)));
        assert_eq!(all.share(&all.clone(), &good), good);
        let silent = all.share(&batch("k", &["e"], "true"), &good);
        assert_eq!(silent.stdout, b"", "what was not read is not there");
        for bad in [
            Reply { status: 127, ..good.clone() },
            Reply { end: End::TimedOut, ..good.clone() },
            Reply { stdout: b"a\x000\0x\0b\x004".to_vec(), ..good.clone() },
        ] {
            assert_eq!(all.share(&one, &bad), bad);
        }
    }
}
