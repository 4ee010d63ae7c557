//! Conditions of shell text that choose by system: values of os-release, package managers that are there.

use super::field::Field;
use super::names;
use super::syntax::{Arm, Command, Kind, List, Pipeline, Word};
use super::walk::{Run, Unit};
use crate::need::{Verb, Want};
use crate::place::Place;

/// What a condition looks at.
#[derive(Debug, Default)]
pub(super) struct Condition {
    releases: Vec<Tested>,
    /// Commands and files, and whether the condition holds without them.
    commands: Vec<(String, bool)>,
}

/// A key of os-release and the values that it is compared with.
#[derive(Debug)]
struct Tested {
    key: String,
    values: Vec<String>,
    negated: bool,
    written: String,
    place: Place,
}

/// Files that only distributions without RPM have.
const FOREIGN_FILES: [&str; 4] =
    ["/etc/debian_version", "/etc/alpine-release", "/etc/arch-release", "/etc/lsb-release"];

impl Condition {
    /// Whether it holds on distributions without RPM alone.
    pub(super) fn is_foreign(&self) -> bool {
        let foreign = |command: &str| {
            names::is_foreign(command.rsplit('/').next().unwrap_or(command)) || FOREIGN_FILES.contains(&command)
        };
        match self.releases.is_empty() {
            true => {
                !self.commands.is_empty() && self.commands.iter().all(|(command, negated)| !negated && foreign(command))
            }
            false => self
                .releases
                .iter()
                .all(|tested| !tested.negated && tested.values.iter().all(|id| names::is_foreign_id(id))),
        }
    }

    /// Whether it looks which package manager of RPM distributions is there.
    pub(super) fn looks_for_manager(&self) -> bool {
        self.commands.iter().any(|(command, _)| names::is_manager(command.rsplit('/').next().unwrap_or(command)))
    }

    /// Whether it holds on systems other than those that it names.
    pub(super) fn is_negated(&self) -> bool {
        self.releases.iter().any(|tested| tested.negated)
    }

    /// Commands and files that are there when it holds.
    pub(super) fn commands(&self) -> Vec<String> {
        self.commands.iter().filter(|(_, negated)| !negated).map(|(command, _)| command.clone()).collect()
    }

    /// Both.
    pub(super) fn and(mut self, mut other: Self) -> Self {
        self.releases.append(&mut other.releases);
        self.commands.append(&mut other.commands);
        self
    }

    /// Of the patterns of a `case` on the value of `key`.
    pub(super) fn of_case(key: String, patterns: &[Vec<Field>], arms: &[Arm], unit: &Unit) -> Self {
        let named = |fields: &&Vec<Field>| fields.iter().all(|field| field.unknown.is_none() && !field.is("*"));
        let rpm =
            |fields: &&Vec<Field>| named(fields) && !fields.iter().all(|one| names::is_foreign_id(&plain(&one.text)));
        let shown = patterns.iter().position(|one| rpm(&one)).or(patterns.iter().position(|one| named(&one)));
        let words = shown.and_then(|shown| arms.get(shown)).map(|arm| &arm.patterns);
        let Some((first, last)) = words.and_then(|words| words.first().zip(words.last())) else {
            return Self::default();
        };
        let range = first.range.start..last.range.end;
        let values =
            patterns.iter().filter(named).flatten().map(|field| plain(&field.text)).filter(|id| !id.is_empty());
        let mut tested = Tested {
            key,
            values: values.collect(),
            negated: false,
            written: unit.text[range.clone()].to_owned(),
            place: unit.origin.place(range),
        };
        tested.values.dedup();
        Self { releases: vec![tested], commands: Vec::new() }
    }
}

/// A value out of a pattern: `*rhel*`, `^fedora$`.
pub(super) fn plain(pattern: &str) -> String {
    pattern.trim_matches(|c: char| "*^$\"'?().\\ ".contains(c)).to_owned()
}

/// The values of a regular expression that lists some: `(rhel|fedora)`, `^(rhel|fedora)$`, `@(a|b)`.
fn listed(pattern: &str) -> Vec<String> {
    pattern.split('|').map(|one| plain(one.trim_start_matches('@'))).filter(|id| !id.is_empty()).collect()
}

impl Run<'_, '_> {
    pub(super) fn condition_of_list(&mut self, list: &List) -> Condition {
        let mut all = Condition::default();
        for and_or in &list.0 {
            for pipeline in std::iter::once(&and_or.first).chain(and_or.rest.iter().map(|(_, pipeline)| pipeline)) {
                all = all.and(self.condition_of(pipeline));
            }
        }
        all
    }

    pub(super) fn condition_of(&mut self, pipeline: &Pipeline) -> Condition {
        let mut found = Condition::default();
        let Some(last) = pipeline.commands.last() else { return found };
        match &last.kind {
            Kind::Group(list) if list.0.len() < 20 => found = self.condition_of_list(list),
            Kind::Test(words) => {
                let fields: Vec<Field> = words.iter().map(|word| self.expand_one(word)).collect();
                compared(&fields, &mut found);
            }
            Kind::Simple { words, .. } => match words.first().and_then(Word::bare) {
                Some("[" | "test") => {
                    let fields = self.expand_all(&words[1..]);
                    compared(&fields, &mut found);
                }
                Some("command" | "which" | "type" | "hash") => {
                    for field in self.expand_all(&words[1..]) {
                        if let Some(name) = field.known().filter(|name| !name.starts_with('-')) {
                            found.commands.push((name.to_owned(), false));
                        }
                    }
                }
                Some("grep" | "egrep" | "fgrep") => self.searched(words, pipeline, last, &mut found),
                _ => {}
            },
            _ => {}
        }
        if pipeline.negated {
            found.releases.iter_mut().for_each(|tested| tested.negated = !tested.negated);
            found.commands.iter_mut().for_each(|(_, negated)| *negated = !*negated);
        }
        found
    }

    /// `grep -q '^ID=fedora' /etc/os-release`, `echo "$ID_LIKE" | grep -q rhel`
    fn searched(&mut self, words: &[Word], pipeline: &Pipeline, last: &Command, found: &mut Condition) {
        let Some(first) = pipeline.commands.first() else { return };
        let written = self.unit.text[first.range.start..last.range.end].to_owned();
        let mut key = written.contains("os-release").then(|| "ID".to_owned());
        if let (true, Kind::Simple { words, .. }) = (pipeline.commands.len() > 1, &first.kind) {
            key = key.or(self.expand_all(words).into_iter().find_map(|field| field.release));
        }
        for redirect in &last.redirects {
            key = key.or(self.expand_one(&redirect.target).release);
        }
        let Some(mut key) = key else { return };
        let fields = self.expand_all(&words[1..]);
        let Some(pattern) = fields.iter().find(|field| !field.text.starts_with('-')) else { return };
        let Some(text) = pattern.known() else { return };
        let mut values = text.replace("\\|", "|");
        if let Some((before, after)) = text.split_once('=') {
            let before = before.trim_start_matches(['^', '(']);
            if !["ID", "ID_LIKE", "VERSION_ID", "PLATFORM_ID"].contains(&before) {
                return;
            }
            key = before.to_owned();
            values = after.replace("\\|", "|");
        }
        let values: Vec<String> =
            listed(&values.replace(['"', '\''], "")).iter().map(|id| id.to_ascii_lowercase()).collect();
        let values: Vec<String> = values.iter().map(|id| plain(id)).collect();
        let simple =
            |id: &String| !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric() || "._-:".contains(c));
        if !values.is_empty() && values.iter().all(simple) {
            let (written, place) = (pattern.text.clone(), pattern.place.clone());
            found.releases.push(Tested { key, values, negated: false, written, place });
        }
    }

    /// The key of os-release that a `case` is about: its word holds it, or is not known and compared with the names of
    /// distributions.
    pub(super) fn release_of_case(&self, word: &Field, patterns: &[Vec<Field>]) -> Option<String> {
        let known = |field: &&Field| names::is_distribution(&plain(&field.text));
        match &word.release {
            Some(key) => Some(key.clone()),
            None => {
                let distributions = patterns.iter().flatten().filter(known).count();
                (word.unknown.is_some() && distributions > 1).then(|| "ID".to_owned())
            }
        }
    }

    /// Says which values of os-release were compared. `otherwise`: what happens with another one is no error; `errors`:
    /// it is one.
    pub(super) fn released_by(&mut self, condition: &Condition, otherwise: bool, errors: bool) {
        let mut keys: Vec<&str> = condition.releases.iter().map(|tested| tested.key.as_str()).collect();
        keys.sort_unstable();
        keys.dedup();
        for key in keys {
            // A builder's own names of distributions are not those of os-release.
            if self.shell.distribution.as_deref() == Some(key) {
                continue;
            }
            let of_key = || condition.releases.iter().filter(|tested| tested.key == key);
            let mut known: Vec<String> = Vec::new();
            for value in of_key().flat_map(|tested| &tested.values) {
                if !known.contains(value) {
                    known.push(value.clone());
                }
            }
            let rpm = |tested: &&Tested| tested.values.iter().any(|id| !names::is_foreign_id(id));
            let Some(shown) = of_key().find(rpm).or_else(|| of_key().next()) else { continue };
            // An RPM distribution goes on where only others are singled out, as the one did that it was written on.
            let others = key != "VERSION_ID" && known.iter().all(|id| names::is_foreign_id(id)) && !errors;
            let want = Want::OsRelease { key: key.to_owned(), known, otherwise: otherwise || others };
            let (written, place) = (shown.written.clone(), shown.place.clone());
            self.need(want, Verb::Use, &written, place);
        }
    }
}

/// What the words of a test compare.
fn compared(fields: &[Field], found: &mut Condition) {
    let mut negated = false;
    for (at, field) in fields.iter().enumerate() {
        let after = fields.get(at + 1);
        match field.known() {
            Some("!") => {
                negated = !negated;
                continue;
            }
            Some("-x" | "-f" | "-e" | "-s" | "-r" | "-d") => {
                if let Some(path) = after.and_then(Field::known) {
                    found.commands.push((path.to_owned(), negated));
                }
            }
            Some(operator @ ("=" | "==" | "!=" | "=~")) => {
                let Some((before, value)) = at.checked_sub(1).and_then(|before| fields.get(before)).zip(after) else {
                    continue;
                };
                let (key, value) = match (&before.release, &value.release) {
                    (Some(key), None) => (key.clone(), value),
                    (None, Some(key)) => (key.clone(), before),
                    _ => continue,
                };
                let Some(text) = value.known() else { continue };
                let values = listed(text);
                if !values.is_empty() {
                    let negated = negated != (operator == "!=");
                    let (written, place) = (value.text.clone(), value.place.clone());
                    found.releases.push(Tested { key, values, negated, written, place });
                }
            }
            Some("-a" | "-o" | "&&" | "||" | "(" | ")") => negated = false,
            _ => {}
        }
    }
}
