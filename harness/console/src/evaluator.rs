//! Clean lines become findings and host keys. Pure; one per console.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::boots::Boots;
use super::findings::Found;
use super::forms::Entry;
use super::host_keys::HostKeys;
use super::lines::{Lines, Piece};
use super::message::{Message, messages};
use super::rules::{Rule, Rules};
use super::torn::Torn;
use muster_record::finding::Severity;

/// Findings of one category and severity that are reported; further ones are only counted, since a guest
/// can print warnings faster than anyone can read them.
const REPORTED: u64 = 50;

/// Under which circumstances a console is evaluated.
#[derive(Debug, Clone)]
pub struct Setting {
    /// The rules.
    pub rules: Arc<Rules>,
    /// Whether the guest is emulated: what only says that something took too long is then no more than
    /// a note.
    pub emulated: bool,
    /// Whether somebody else sees the machine's resets, and which of them were meant. A restart on the
    /// console is then only a note.
    pub resets_watched: bool,
}

impl Default for Setting {
    /// A log of which nothing is known, by the shipped rules.
    fn default() -> Self {
        Self { rules: Rules::shipped(), emulated: false, resets_watched: false }
    }
}

/// What came of the bytes, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// A clean piece of a line.
    Line(Piece),
    /// Something was found in the last line; its excerpt is empty.
    Found(Found),
    /// Something was found in a line that has not ended; its excerpt is empty.
    Unfinished(Found),
    /// Something was found in the last line that a later line may lower; its excerpt is empty.
    Provisional(Found),
    /// What is provisional of this rule is final, with this severity.
    Settled {
        /// The rule's name.
        rule: Arc<str>,
        /// What its findings mean.
        severity: Severity,
    },
    /// The guest printed its SSH host keys (`type base64`).
    HostKeys(Vec<String>),
}

/// Findings of one rule that are not final.
#[derive(Debug)]
struct Open {
    category: Arc<str>,
    severity: Severity,
    count: u64,
}

/// Evaluates a console while it prints.
#[derive(Debug)]
pub(crate) struct Evaluator {
    setting: Setting,
    lines: Lines,
    boots: Boots,
    counts: BTreeMap<(Arc<str>, Severity), u64>,
    said: Said,
    host_keys: HostKeys,
    /// By the rule's name.
    open: BTreeMap<Arc<str>, Open>,
    torn: Torn,
    entry: Entry,
}

/// Messages of one line that are remembered.
const REDRAWN: usize = 64;

/// What was found in the line that was evaluated last, so that what is said twice in one line, is drawn again over
/// itself, or was evaluated while the line was unfinished, is reported once.
#[derive(Debug, Default)]
struct Said {
    number: u64,
    /// Whether the last piece ended with a carriage return: what follows is a line of its own by then, of the
    /// same number.
    ended: bool,
    /// By category, the gravest severity.
    found: BTreeMap<Arc<str>, Severity>,
    /// Rules and what they found, of all that has the number.
    drawn: Vec<(Arc<str>, String)>,
}

impl Said {
    fn begin(&mut self, piece: &Piece) {
        if self.number != piece.number {
            *self = Self { number: piece.number, ..Self::default() };
        }
        if std::mem::take(&mut self.ended) {
            self.found.clear();
        }
    }

    fn end(&mut self, piece: &Piece) {
        self.ended = piece.whole;
    }

    /// Whether nothing as grave of the category was found in the line, nor the same where it stands now.
    fn is_new(&mut self, rule: &Rule, severity: Severity, message: &str) -> bool {
        let known = self.found.get(&rule.category).is_some_and(|found| *found >= severity);
        let drawn = self.drawn.iter().any(|(of, text)| *of == rule.id && text == message);
        if known || drawn {
            return false;
        }
        self.found.insert(rule.category.clone(), severity);
        if self.drawn.len() < REDRAWN {
            self.drawn.push((rule.id.clone(), message.to_owned()));
        }
        true
    }
}

impl Evaluator {
    /// An evaluator for one console.
    pub(crate) fn new(setting: Setting) -> Self {
        Self {
            setting,
            lines: Lines::default(),
            boots: Boots::default(),
            counts: BTreeMap::new(),
            said: Said::default(),
            host_keys: HostKeys::default(),
            open: BTreeMap::new(),
            torn: Torn::default(),
            entry: Entry::default(),
        }
    }

    /// Takes bytes as they came.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Vec<Step> {
        let pieces = self.lines.push(bytes);
        self.evaluator(pieces)
    }

    /// The next restart on the console is meant, whether or not the guest announces it.
    pub(crate) fn announce_restart(&mut self) {
        self.boots.announce();
    }

    /// The guest let somebody log in, so that its boot is done: what a later line could have lowered is.
    pub(crate) fn arrived(&mut self) -> Vec<Step> {
        self.settle(|_| true, Severity::milder)
    }

    /// Evaluates what has come of an unfinished line: a rescue prompt never ends its line. Only what is
    /// fatal is reported, since the rest of the line could still change what it means. Call it when nothing
    /// has come for a moment.
    pub(crate) fn pause(&mut self) -> Vec<Step> {
        let Some(piece) = self.lines.unfinished() else { return Vec::new() };
        self.said.begin(&piece);
        let mut steps = Vec::new();
        let rules = self.setting.rules.clone();
        let whole = messages(&piece.text, piece.begins).map(|message| message.text.into_owned());
        for text in whole.chain(self.torn.joined(&piece)).collect::<Vec<_>>() {
            let rule = rules.evaluator(&text, &self.boots).rule.filter(|rule| rule.severity == Severity::Fatal);
            steps.extend(rule.and_then(|rule| self.found(rule, &piece, &text)).map(|found| match found {
                Step::Found(found) => Step::Unfinished(found),
                other => other,
            }));
        }
        steps
    }

    /// Evaluates the rest when the stream has ended: what is provisional is final as it stands.
    pub(crate) fn finish(&mut self) -> Vec<Step> {
        let rest = self.lines.finish();
        let mut steps = self.evaluator(rest);
        steps.extend(self.settle(|_| true, |severity| severity));
        steps
    }

    /// What came of a line that has not ended, for an excerpt.
    pub(crate) fn unfinished(&self) -> Option<Piece> {
        self.lines.unfinished()
    }

    /// How often each category was found with each severity, reported or not.
    pub(crate) fn counts(&self) -> &BTreeMap<(Arc<str>, Severity), u64> {
        &self.counts
    }

    /// The line that is being printed, 1-based.
    pub(crate) fn line_number(&self) -> u64 {
        self.lines.number()
    }

    fn evaluator(&mut self, pieces: impl IntoIterator<Item = Piece>) -> Vec<Step> {
        let mut steps = Vec::new();
        let rules = self.setting.rules.clone();
        for piece in pieces {
            self.said.begin(&piece);
            let keys = self.host_keys.take(&piece.text);
            let at = steps.len();
            let entry = if piece.begins { self.entry.take(&piece.text) } else { None };
            let said: Vec<Message<'_>> = match entry {
                Some(lines) => lines.into_iter().map(Message::plain).collect(),
                None => messages(&piece.text, piece.begins).collect(),
            };
            let mut found_any = false;
            for message in &said {
                let mut readings = message.readings().map(|text| (text, rules.evaluator(text, &self.boots)));
                let first = readings.next();
                let best = first
                    .filter(|(_, verdict)| verdict.rule.is_some())
                    .or_else(|| readings.find(|(_, verdict)| verdict.rule.is_some()).or(first));
                let Some((text, verdict)) = best else { continue };
                steps.extend(self.settled_by(message, verdict.lost_boot));
                if let Some(rule) = verdict.rule {
                    found_any = true;
                    steps.extend(self.found(rule, &piece, text));
                    // Nothing comes after it that could lower what was before.
                    if rule.severity == Severity::Fatal {
                        steps.extend(self.settle(|_| true, |severity| severity));
                    }
                }
                if verdict.begins_boot {
                    self.boots.begin();
                }
                self.boots.see(message);
            }
            if !found_any {
                for (text, before) in self.torn.joined_with(&piece) {
                    // What its first part says alone was found there.
                    let rule = rules.evaluator(&text, &self.boots).rule;
                    let rule = rule.filter(|_| rules.evaluator(&before, &self.boots).rule.is_none());
                    if let Some(step) = rule.and_then(|rule| self.found(rule, &piece, &text)) {
                        steps.push(step);
                        self.torn = Torn::default();
                        break;
                    }
                }
            }
            self.torn.take(&piece, &said);
            drop(said);
            self.said.end(&piece);
            steps.insert(at, Step::Line(piece));
            steps.extend(keys.map(Step::HostKeys));
        }
        steps
    }

    /// What a message settles: it shows that some findings did no harm, or that their boot is lost.
    fn settled_by(&mut self, message: &Message<'_>, lost_boot: bool) -> Vec<Step> {
        if self.open.is_empty() {
            return Vec::new();
        }
        let rules = self.setting.rules.clone();
        let shows = |id: &str| {
            let later = rules.all().iter().filter(|rule| &*rule.id == id).flat_map(|rule| &rule.unless_later);
            later.into_iter().any(|later| message.readings().any(|text| later.is_match(text)))
        };
        let mut steps = self.settle(shows, Severity::milder);
        if lost_boot {
            steps.extend(self.settle(|_| true, |severity| severity));
        }
        steps
    }

    /// Makes findings final, and counts them.
    fn settle(&mut self, which: impl Fn(&str) -> bool, severity: fn(Severity) -> Severity) -> Vec<Step> {
        let rules: Vec<Arc<str>> = self.open.keys().filter(|rule| which(rule)).cloned().collect();
        let settle = |rule: Arc<str>| {
            let open = self.open.remove(&rule)?;
            let severity = severity(open.severity);
            *self.counts.entry((open.category, severity)).or_default() += open.count;
            Some(Step::Settled { rule, severity })
        };
        rules.into_iter().filter_map(settle).collect()
    }

    fn found(&mut self, rule: &Rule, piece: &Piece, message: &str) -> Option<Step> {
        let is_note =
            (self.setting.emulated && rule.about_time) || (self.setting.resets_watched && rule.after.is_some());
        let severity = match rule.severity {
            Severity::Warn | Severity::Fail if is_note => Severity::Info,
            stated => stated,
        };
        if !self.said.is_new(rule, severity, message) {
            return None;
        }
        let found = || Found::new(rule, severity, piece, message);
        if !rule.unless_later.is_empty() && matches!(severity, Severity::Warn | Severity::Fail) {
            let open = Open { category: rule.category.clone(), severity, count: 0 };
            let open = self.open.entry(rule.id.clone()).or_insert(open);
            open.count += 1;
            return (open.count <= REPORTED).then(|| Step::Provisional(found()));
        }
        let count = self.counts.entry((rule.category.clone(), severity)).or_default();
        *count += 1;
        (*count <= REPORTED).then(|| Step::Found(found()))
    }
}

#[cfg(test)]
mod tests;
