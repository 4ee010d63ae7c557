//! The words of the kernel's command line.

use std::collections::BTreeMap;

use super::answer;
use crate::error::KindError;
use crate::item::{Field, Items, Part, compared};
use crate::kind::{FactKind, Scope};
use muster_base::text;
use muster_check::{Observations, Probe, shell};

/// The kind.
pub(crate) struct Cmdline;

const KEY: &str = "compare/cmdline";

const FIELDS: &[Field] =
    &[compared("value", "What it is set to, in order when it occurs several times; ids of disks are left out.")];

/// Words whose value is a digest of the very image.
const DIGESTS: &[&str] = &["roothash", "usrhash", "verity.usrhash"];

impl FactKind for Cmdline {
    fn name(&self) -> &'static str {
        "cmdline"
    }

    fn what(&self) -> &'static str {
        "arguments of the kernel command line"
    }

    fn fields(&self) -> &'static [Field] {
        FIELDS
    }

    fn probes(&self, _: &Scope) -> Vec<Probe> {
        vec![Probe::new(KEY, 10, shell::cat!("/proc/cmdline"))]
    }

    fn parse(&self, seen: &Observations) -> Result<Part, KindError> {
        let line = text::escape(&answer::file(seen, KEY)?);
        let mut words: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for word in words_of(line.trim()) {
            let (name, value) = word.split_once('=').unwrap_or((&word, ""));
            words.entry(name.to_owned()).or_default().push(without_ids(name, value));
        }
        // A kernel may be started without a single word.
        let item = |(name, values): (String, Vec<String>)| (name, answer::item([("value", &values.join(" "))]));
        Ok(Part::Known(words.into_iter().map(item).collect::<Items>()))
    }
}

/// Words are separated by spaces outside double quotes (kernel/params.c).
fn words_of(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            c if c.is_whitespace() && !quoted => words.push(String::new()),
            c => words.last_mut().into_iter().for_each(|word| word.push(c)),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Two builds of one image have other ids: that a disk is named by its id is the fact.
fn without_ids(name: &str, value: &str) -> String {
    if DIGESTS.contains(&name) {
        return "…".to_owned();
    }
    for prefix in ["UUID=", "PARTUUID="] {
        if value.starts_with(prefix) {
            return format!("{prefix}…");
        }
    }
    value.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{known, seen};

    #[test]
    fn words_are_grouped_and_ids_of_disks_are_no_facts() {
        let text = "console=tty0 console=ttyS0,115200 ro root=UUID=1-2 dyndbg=\"file a +p\" roothash=abc\nmuster: end of file\n";
        let items = known(Cmdline.parse(&seen(&[(KEY, text)])));
        let value = |name: &str| items[name]["value"].as_str();
        assert_eq!((value("console"), value("ro"), value("root")), ("tty0 ttyS0,115200", "", "UUID=…"));
        assert_eq!((value("dyndbg"), value("roothash")), ("file a +p", "…"));
        assert_eq!(known(Cmdline.parse(&seen(&[(KEY, "\nmuster: end of file\n")]))).len(), 0);
        assert!(Cmdline.parse(&seen(&[(KEY, "")])).is_err());
    }
}
