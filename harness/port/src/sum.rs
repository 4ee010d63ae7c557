//! The sum: what all answers of all chains come to.

use muster_base::exit::Exit;
use muster_base::text::plural;
use muster_chain::Chain;

use crate::answer::{Answered, Effect};
use crate::edit::EditedFile;
use crate::trial::{Smoke, SmokeResult, Trial};

/// What was found of all chains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// The system that they are to run on.
    pub target: String,
    /// The system that they come from, where one was named.
    pub from: Option<String>,
    /// How deep it was looked.
    pub depth: Depth,
    /// Each chain.
    pub chains: Vec<PortedChain>,
    /// Whether lines that were not understood are accepted (`--allow-not-understood`).
    pub accepts_gaps: bool,
    /// What a reader must know: metadata that was not there, facts that were not read.
    pub notes: Vec<String>,
}

/// How deep it was looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// Only metadata and facts files were read.
    Offline,
    /// The chain was installed in the image.
    Trial,
    /// And the team's command was run.
    Smoke,
}

impl Depth {
    /// As it stands in documents for programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Offline => "offline",
            Self::Trial => "trial",
            Self::Smoke => "smoke",
        }
    }
}

/// What was found of one chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortedChain {
    /// The chain. Its needs stand in `answers`.
    pub chain: Chain,
    /// Its needs with their answers, in the order of the file.
    pub answers: Vec<Answered>,
    /// What installs together: once for each stage of a Containerfile, else once.
    pub installations: Vec<Installation>,
    /// Its files with the edits.
    pub edited: Vec<EditedFile>,
    /// What the image said when it was tried.
    pub trial: Option<Trial>,
    /// What the team's command said.
    pub smoke: Option<Smoke>,
}

/// What installs together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Installation {
    /// The stage, where there are several.
    pub within: Option<String>,
    /// What the chain names, with its edits.
    pub wanted: Vec<String>,
    /// How many packages are installed, dependencies included.
    pub packages: usize,
    /// Bytes that the disk has less afterwards; below 0 when it has more.
    pub bytes: i64,
    /// Bytes to download.
    pub download: u64,
    /// Installed packages that become another version: `old → new`.
    pub replaces: Vec<String>,
    /// Installed packages that go: replaced by one of another name, or in the way.
    pub removes: Vec<String>,
    /// Why it does not install.
    pub problems: Vec<String>,
    /// Why nothing can be said.
    pub unknown: Option<String>,
}

/// What a chain, or all chains, come to; the later, the worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PortVerdict {
    /// It runs as it is.
    AsIs,
    /// All that was understood runs as it is, and some lines were not understood.
    AsFarAsUnderstood,
    /// It runs with the edits that are shown.
    WithEdits,
    /// Something could not be answered, and nothing else is against it.
    Unknown,
    /// It does not run.
    DoesNotPort,
}

impl PortVerdict {
    /// As it stands in documents for programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::AsIs => "as-is",
            Self::AsFarAsUnderstood => "as-far-as-understood",
            Self::WithEdits => "with-edits",
            Self::Unknown => "unknown",
            Self::DoesNotPort => "does-not-port",
        }
    }
}

/// How many needs come to what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// All needs.
    pub needs: usize,
    /// Met, maybe with differences.
    pub met: usize,
    /// Of these, with differences.
    pub differ: usize,
    /// Missing, and the chain goes on without.
    pub tolerated: usize,
    /// Met once the files are edited.
    pub edits: usize,
    /// Somebody has to choose.
    pub decisions: usize,
    /// Not met.
    pub missing: usize,
    /// Not known.
    pub unknown: usize,
    /// Lines that say something.
    pub lines: usize,
    /// Of these, the ones that were understood.
    pub understood: usize,
}

impl Counts {
    fn add(&mut self, other: Self) {
        self.needs += other.needs;
        self.met += other.met;
        self.differ += other.differ;
        self.tolerated += other.tolerated;
        self.edits += other.edits;
        self.decisions += other.decisions;
        self.missing += other.missing;
        self.unknown += other.unknown;
        self.lines += other.lines;
        self.understood += other.understood;
    }
}

impl PortedChain {
    /// How many needs come to what.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts {
            needs: self.answers.len(),
            lines: self.chain.lines,
            understood: self.chain.understood(),
            ..Counts::default()
        };
        for answered in &self.answers {
            match answered.effect() {
                Effect::Fits => counts.met += 1,
                Effect::Differs => {
                    counts.met += 1;
                    counts.differ += 1;
                }
                Effect::Tolerated => counts.tolerated += 1,
                Effect::Edit => counts.edits += 1,
                Effect::Decision => counts.decisions += 1,
                Effect::Blocks => counts.missing += 1,
                Effect::Unknown => counts.unknown += 1,
            }
        }
        counts
    }

    /// What it comes to. Never [`PortVerdict::AsIs`] while anything was not understood or is not known.
    pub fn verdict(&self, accepts_gaps: bool) -> PortVerdict {
        let counts = self.counts();
        let problem = self.installations.iter().any(|one| !one.problems.is_empty());
        let gap = self.chain.understood() < self.chain.lines || !self.chain.not_understood.is_empty();
        let conflict = self.edited.iter().any(|file| !file.in_conflict.is_empty());
        let trial = self.trial.as_ref();
        let smoke = self.smoke.as_ref().map(Smoke::result);
        if counts.missing + counts.decisions > 0
            || problem
            || conflict
            || trial.is_some_and(|trial| !trial.faults().is_empty())
            || smoke == Some(SmokeResult::Fails)
        {
            return PortVerdict::DoesNotPort;
        }
        if counts.unknown > 0
            || self.installations.iter().any(|one| one.unknown.is_some())
            || trial.is_some_and(|trial| trial.failed.is_some())
            || smoke == Some(SmokeResult::Unknown)
        {
            return PortVerdict::Unknown;
        }
        match (counts.edits, gap && !accepts_gaps) {
            (0, false) => PortVerdict::AsIs,
            (0, true) => PortVerdict::AsFarAsUnderstood,
            _ => PortVerdict::WithEdits,
        }
    }
}

impl Port {
    /// What all chains come to: the worst of them. Of no chain nothing is known.
    pub fn verdict(&self) -> PortVerdict {
        let each = self.chains.iter().map(|chain| chain.verdict(self.accepts_gaps));
        each.max().unwrap_or(PortVerdict::Unknown)
    }

    /// How many needs of all chains come to what.
    pub fn counts(&self) -> Counts {
        let mut sum = Counts::default();
        self.chains.iter().for_each(|chain| sum.add(chain.counts()));
        sum
    }

    /// How a command ends.
    pub fn exit(&self) -> Exit {
        match self.verdict() {
            PortVerdict::AsIs => Exit::Pass,
            PortVerdict::AsFarAsUnderstood | PortVerdict::WithEdits | PortVerdict::DoesNotPort => Exit::Failed,
            PortVerdict::Unknown => Exit::Error,
        }
    }

    /// The verdict in a sentence.
    pub fn summary(&self) -> String {
        summary(self.verdict(), self.counts())
    }
}

/// A verdict in a sentence, with how much was understood unless that is all.
pub(crate) fn summary(verdict: PortVerdict, counts: Counts) -> String {
    let Counts { needs, edits, unknown, decisions, missing, lines, understood, .. } = counts;
    let gap = match lines - understood {
        0 => String::new(),
        _ => format!(", as far as {understood} of {lines} lines are understood"),
    };
    match verdict {
        PortVerdict::AsIs | PortVerdict::AsFarAsUnderstood => {
            format!("ports as it is{gap}: {needs} need{} met", plural(needs))
        }
        PortVerdict::WithEdits => {
            format!("ports with {edits} edit{}{gap}: {needs} need{}", plural(edits), plural(needs))
        }
        PortVerdict::Unknown if unknown == 0 => format!("not known{gap}: it could not be tried"),
        PortVerdict::Unknown => {
            format!("not known{gap}: {unknown} of {needs} need{} could not be answered", plural(needs))
        }
        PortVerdict::DoesNotPort if missing + decisions == 0 => {
            format!("does not port{gap}: every need has an answer, but it does not install or work")
        }
        PortVerdict::DoesNotPort => {
            let parts =
                [(missing, "not met"), (decisions, "need a decision"), (edits, "need an edit"), (unknown, "not known")];
            let parts: Vec<String> =
                parts.iter().filter(|part| part.0 > 0).map(|(count, what)| format!("{count} {what}")).collect();
            format!("does not port{gap}: of {needs} need{} {}", plural(needs), parts.join(", "))
        }
    }
}
