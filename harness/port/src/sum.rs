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
    /// Whether what the chains install may be on the internet: they were tried with it, or not tried.
    pub internet: bool,
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
    /// Chains of which the team's own command says nothing.
    pub silent: usize,
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
        self.silent += other.silent;
    }
}

impl PortedChain {
    /// How many needs come to what.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts {
            needs: self.answers.len(),
            lines: self.chain.lines,
            understood: self.chain.understood(),
            silent: usize::from(self.smoke.as_ref().map(Smoke::result) == Some(SmokeResult::Unknown)),
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
            // Nothing was compared with anything.
            PortVerdict::AsIs if self.counts().needs == 0 => Exit::Invalid,
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
    let Counts { needs, edits, unknown, decisions, missing, lines, understood, silent, .. } = counts;
    let gap = match lines.saturating_sub(understood) {
        0 => String::new(),
        _ => format!(", as far as {understood} of {lines} lines are understood"),
    };
    match verdict {
        PortVerdict::AsIs if needs == 0 => "needs nothing: there was nothing to look at".to_owned(),
        PortVerdict::AsIs | PortVerdict::AsFarAsUnderstood => {
            format!("ports as it is{gap}: {needs} need{} met", plural(needs))
        }
        PortVerdict::WithEdits => {
            format!("ports with {edits} edit{}{gap}: {needs} need{}", plural(edits), plural(needs))
        }
        PortVerdict::Unknown if unknown + silent == 0 => format!("not known{gap}: it could not be tried"),
        PortVerdict::Unknown if unknown == 0 => {
            format!("not known{gap}: {needs} need{} met, and the command of --run says nothing", plural(needs))
        }
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::testing::{self, good, tried};
    use crate::trial::Ran;
    use muster_chain::{NotUnderstood, Place};

    fn gap(port: &mut Port) {
        let place = Place { file: Arc::from("Containerfile"), line: 9, start: 0, end: 0 };
        port.chains[0].chain.lines += 1;
        port.chains[0].chain.not_understood.push(NotUnderstood { place, written: "x".into(), why: "y".into() });
    }

    #[test]
    fn green_is_only_what_was_understood_and_known_and_works() {
        let port = good();
        assert_eq!((port.verdict(), port.exit()), (PortVerdict::AsIs, Exit::Pass));
        assert_eq!(port.summary(), "ports as it is: 3 needs met");
        let mut with_gap = good();
        gap(&mut with_gap);
        assert_eq!((with_gap.verdict(), with_gap.exit()), (PortVerdict::AsFarAsUnderstood, Exit::Failed));
        assert_eq!(with_gap.summary(), "ports as it is, as far as 3 of 4 lines are understood: 3 needs met");
        with_gap.accepts_gaps = true;
        assert_eq!(with_gap.exit(), Exit::Pass);
        assert_eq!(with_gap.summary(), "ports as it is, as far as 3 of 4 lines are understood: 3 needs met");
        let none = Port { chains: Vec::new(), ..good() };
        assert_eq!((none.verdict(), none.exit()), (PortVerdict::Unknown, Exit::Error));
        let mut empty = good();
        empty.chains[0].answers.clear();
        assert_eq!(empty.exit(), Exit::Invalid);
    }

    #[test]
    fn a_failed_trial_outweighs_good_answers() {
        let port = tried();
        assert_eq!((port.verdict(), port.exit()), (PortVerdict::DoesNotPort, Exit::Failed));
        assert_eq!(port.summary(), "does not port: every need has an answer, but it does not install or work");
        let mut not_tried = good();
        not_tried.chains[0].trial = Some(Trial { failed: Some("no boot".into()), ..Trial::default() });
        assert_eq!((not_tried.verdict(), not_tried.exit()), (PortVerdict::Unknown, Exit::Error));
        let mut command = good();
        let smoke = Smoke { command: "x".into(), target: Ran { status: Some(1), ..Ran::default() }, from: None };
        command.chains[0].smoke = Some(smoke);
        assert_eq!(command.exit(), Exit::Failed);
        let failed = || Ran { status: Some(1), ..Ran::default() };
        let smoke = Smoke { command: "x".into(), target: failed(), from: Some(failed()) };
        command.chains[0].smoke = Some(smoke);
        assert_eq!(
            (command.exit(), command.summary().ends_with("the command of --run says nothing")),
            (Exit::Error, true)
        );
    }

    #[test]
    fn the_worst_chain_counts() {
        let mut port = good();
        port.chains.extend(testing::planted().chains);
        assert_eq!((port.verdict(), port.exit()), (PortVerdict::DoesNotPort, Exit::Failed));
        let counts = port.counts();
        assert_eq!((counts.needs, counts.missing, counts.decisions, counts.edits, counts.unknown), (11, 3, 1, 1, 1));
        assert_eq!((counts.met, counts.lines, counts.understood), (5, 12, 11));
    }

    #[test]
    fn edits_are_not_green_and_those_that_contradict_each_other_do_not_port() {
        let wants = vec![testing::install("old-name")];
        let mut port = testing::sum(vec![testing::ported(muster_chain::ChainKind::List, wants, false, None)]);
        assert_eq!((port.verdict(), port.exit()), (PortVerdict::WithEdits, Exit::Failed));
        assert_eq!(port.summary(), "ports with 1 edit: 1 need");
        let edit = port.chains[0].answers[0].edit.clone().unwrap();
        port.chains[0].edited[0].in_conflict.push(edit);
        assert_eq!(port.verdict(), PortVerdict::DoesNotPort);
    }
}
