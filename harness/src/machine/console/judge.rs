//! Clean lines become findings and host keys. Pure; one per console.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::boots::Boots;
use super::findings::Finding;
use super::host_keys::HostKeys;
use super::lines::{Lines, Piece};
use super::message::messages;
use super::rules::{Rule, Rules, Severity};

/// Findings of one category and severity that are told; further ones are only counted, since a guest
/// can print warnings faster than anyone can read them.
const TOLD: u64 = 50;

/// Under which circumstances a console is judged.
#[derive(Debug, Clone)]
pub struct Setting {
    /// The rules.
    pub rules: Arc<Rules>,
    /// Whether the guest is emulated: what only says that something took too long is then no more than
    /// a remark.
    pub emulated: bool,
    /// Whether somebody else sees the machine's resets, and which of them were meant. A restart on the
    /// console is then only a remark.
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
pub enum Step {
    /// A clean piece of a line.
    Line(Piece),
    /// Something was found in the last line; its excerpt is empty.
    Finding(Finding),
    /// Something was found in a line that has not ended; its excerpt is empty.
    Unfinished(Finding),
    /// The guest printed its SSH host keys (`type base64`).
    HostKeys(Vec<String>),
}

/// Judges a console while it prints.
#[derive(Debug)]
pub struct Judge {
    setting: Setting,
    lines: Lines,
    boots: Boots,
    counts: BTreeMap<(Arc<str>, Severity), u64>,
    /// The line that was judged last and the categories found in it, so that what is said twice in one
    /// line, or was judged while the line was unfinished, is told once.
    line: u64,
    in_line: Vec<Arc<str>>,
    host_keys: HostKeys,
}

impl Judge {
    /// A judge for one console.
    pub fn new(setting: Setting) -> Self {
        Self {
            setting,
            lines: Lines::default(),
            boots: Boots::default(),
            counts: BTreeMap::new(),
            line: 0,
            in_line: Vec::new(),
            host_keys: HostKeys::default(),
        }
    }

    /// Takes bytes as they came.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Step> {
        let pieces = self.lines.push(bytes);
        self.judge(pieces)
    }

    /// The next restart on the console is meant, whether or not the guest announces it.
    pub fn announce_restart(&mut self) {
        self.boots.announce();
    }

    /// Judges what has come of an unfinished line: a rescue prompt never ends its line. Only what is
    /// fatal is told, since the rest of the line could still change what it means. Call it when nothing
    /// has come for a moment.
    pub fn pause(&mut self) -> Vec<Step> {
        let Some(piece) = self.lines.unfinished() else { return Vec::new() };
        let mut steps = Vec::new();
        let rules = self.setting.rules.clone();
        for message in messages(&piece.text, piece.begins) {
            let rule = rules.judge(message.text, &self.boots).rule.filter(|rule| rule.severity == Severity::Fatal);
            steps.extend(rule.and_then(|rule| self.finding(rule, &piece)).map(Step::Unfinished));
        }
        steps
    }

    /// Judges the rest when the stream has ended.
    pub fn finish(&mut self) -> Vec<Step> {
        let rest = self.lines.finish();
        self.judge(rest)
    }

    /// What came of a line that has not ended, for an excerpt.
    pub fn unfinished(&self) -> Option<Piece> {
        self.lines.unfinished()
    }

    /// How often each category was found with each severity, told or not.
    pub fn counts(&self) -> &BTreeMap<(Arc<str>, Severity), u64> {
        &self.counts
    }

    /// The line that is being printed, 1-based.
    pub fn line_number(&self) -> u64 {
        self.lines.number()
    }

    fn judge(&mut self, pieces: impl IntoIterator<Item = Piece>) -> Vec<Step> {
        let mut steps = Vec::new();
        let rules = self.setting.rules.clone();
        for piece in pieces {
            let keys = self.host_keys.take(&piece.text);
            let at = steps.len();
            for message in messages(&piece.text, piece.begins) {
                let verdict = rules.judge(message.text, &self.boots);
                steps.extend(verdict.rule.and_then(|rule| self.finding(rule, &piece)).map(Step::Finding));
                if verdict.begins_boot {
                    self.boots.begin();
                }
                self.boots.see(message);
            }
            steps.insert(at, Step::Line(piece));
            steps.extend(keys.map(Step::HostKeys));
        }
        steps
    }

    fn finding(&mut self, rule: &Rule, piece: &Piece) -> Option<Finding> {
        if self.line != piece.number {
            self.line = piece.number;
            self.in_line.clear();
        }
        if self.in_line.contains(&rule.category) {
            return None;
        }
        self.in_line.push(rule.category.clone());
        let remark =
            (self.setting.emulated && rule.about_time) || (self.setting.resets_watched && rule.after.is_some());
        let severity = match rule.severity {
            Severity::Warn | Severity::Fail if remark => Severity::Info,
            stated => stated,
        };
        let count = self.counts.entry((rule.category.clone(), severity)).or_default();
        *count += 1;
        (*count <= TOLD).then(|| Finding::new(rule, severity, piece))
    }
}

#[cfg(test)]
mod tests;
