//! What came of the probes. Whoever looks into it gets an answer, or why there is none.

use std::collections::BTreeMap;

use crate::observed::Value;
use crate::shell::{self, Answer};
use crate::unreadable::{Read, Unreadable};
use muster_base::text::{escape_bytes, last_words, one_line};
use muster_guest::{End, Reply};

/// Answers to probes, by key.
#[derive(Debug, Clone, Default)]
pub struct Observations(pub BTreeMap<String, Reply>);

/// The key of a reading that was made after one of several boots, counted from 0.
pub fn sample_key(number: usize, key: &str) -> String {
    format!("sample/{number}/{key}")
}

impl Observations {
    /// What was read after each of several boots, in their order; empty when only one boot was seen.
    pub fn samples(&self) -> Vec<Observations> {
        let mut out: Vec<Observations> = Vec::new();
        for number in 0.. {
            let prefix = sample_key(number, "");
            let of_this = self.0.range(prefix.clone()..).take_while(|(key, _)| key.starts_with(&prefix));
            let sample: BTreeMap<_, _> =
                of_this.map(|(key, reply)| (key[prefix.len()..].to_owned(), reply.clone())).collect();
            if sample.is_empty() {
                break;
            }
            out.push(Observations(sample));
        }
        out
    }
}

impl Observations {
    /// A reply that ended by itself and whose program was there; its status is for the caller.
    pub fn reply(&self, key: &str) -> Read<&Reply> {
        let reply = self.0.get(key).ok_or_else(|| Unreadable::new(format!("{key} was not read")))?;
        match reply.end {
            End::TimedOut => return Err(Unreadable::new(format!("reading {key} did not end before its time-out"))),
            End::TooMuchOutput => return Err(Unreadable::new(format!("reading {key} printed more than the limit"))),
            End::Exited => {}
        }
        if matches!(reply.status, 126 | 127) || reply.status >= 128 {
            return Err(failure(key, reply));
        }
        Ok(reply)
    }

    /// Standard output of a reading that ended with status 0. An error when there is none: silence is
    /// not an answer, so a script whose answer can be "nothing" says so in some way of its own.
    pub fn output(&self, key: &str) -> Read<String> {
        let reply = self.reply(key)?;
        if reply.status != 0 {
            return Err(failure(key, reply));
        }
        let text = String::from_utf8_lossy(&reply.stdout).into_owned();
        if text.trim().is_empty() {
            let said = one_line(&escape_bytes(&reply.stderr), 200);
            return Err(Unreadable::new(format!(
                "reading {key} {SILENT}{}{said}",
                if said.is_empty() { "" } else { ": " }
            )));
        }
        Ok(text)
    }

    /// What [`shell::cat!`] printed of a file, which may be empty.
    pub fn file(&self, key: &str) -> Read<String> {
        shell::whole(&self.output(key)?)
            .map(str::to_owned)
            .map_err(|why| Unreadable::new(format!("reading {key}: {why}")))
    }

    /// Names that a script printed behind `names:`, each with a slash behind it, which is what no name
    /// of a file can hold: a line feed is part of a name.
    pub(crate) fn names(&self, key: &str) -> Read<Vec<String>> {
        shell::names(&self.output(key)?).map_err(|why| Unreadable::new(format!("reading {key}: {why}")))
    }

    /// The same, without white space around it.
    pub(crate) fn line(&self, key: &str) -> Read<String> {
        self.output(key).map(|text| text.trim().to_owned())
    }

    /// The same, as words.
    pub(crate) fn words(&self, key: &str) -> Read<Vec<String>> {
        self.output(key).map(|text| text.split_whitespace().map(str::to_owned).collect())
    }

    /// Standard output of a reading that must say `true` or `false`.
    pub(crate) fn flag(&self, key: &str) -> Read<Value> {
        match self.line(key)?.as_str() {
            "true" => Ok(Value::flag(true)),
            "false" => Ok(Value::flag(false)),
            other => Err(Unreadable::new(format!("{key} is `{}`, neither true nor false", one_line(other, 80)))),
        }
    }

    /// What [`shell::batch`] said of all names.
    pub(crate) fn answers(&self, key: &str) -> Read<BTreeMap<String, Answer>> {
        let reply = self.reply(key)?;
        if reply.status != 0 {
            return Err(failure(key, reply));
        }
        shell::answers(reply)
    }

    /// What [`shell::batch`] said of one name. An error when its command ended well and said nothing.
    pub(crate) fn answer(&self, key: &str, name: &str) -> Read<Answer> {
        let answer = self
            .answers(key)?
            .remove(name)
            .ok_or_else(|| Unreadable::new(format!("{key} says nothing of `{name}`")))?;
        if matches!(answer.status, 126 | 127) {
            return Err(Unreadable::new(format!("{key}: {}", one_line(&answer.output, 200))));
        }
        if answer.status == 0 && answer.output.trim().is_empty() {
            return Err(Unreadable::new(format!("reading {key} of `{}` {SILENT}", one_line(name, 80))));
        }
        Ok(answer)
    }
}

/// How a tool that was there, ended well and printed nothing is reported.
const SILENT: &str = "ended well and printed nothing, which is no answer: a tool that it needs is silent";

/// What a reading that failed said.
pub(crate) fn failure(key: &str, reply: &Reply) -> Unreadable {
    let said = escape_bytes(if reply.stderr.is_empty() { &reply.stdout } else { &reply.stderr });
    Unreadable::new(format!("reading {key} failed with status {}: {}", reply.status, last_words(&said, 200)))
}
