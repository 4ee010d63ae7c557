//! What a need of a chain comes to on the target.

use crate::edit::Edit;
use crate::metadata::Package;
use muster_chain::Need;

/// A need with its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The need.
    pub need: Need,
    /// Its answer.
    pub answer: Answer,
    /// Whether it is there only since the chain was tried, although no package of the chain is known to have it.
    pub came_with_chain: bool,
    /// What the answer rests on, each a sentence that names package and repository.
    pub evidence: Vec<String>,
    /// What is otherwise than on the system that the chain comes from, although the need is met.
    pub differences: Vec<Difference>,
    /// The edit that makes it work; only where the evidence allows but one.
    pub edit: Option<Edit>,
}

/// What a need comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It is on the system already; of some kinds of needs no package is known.
    Present(Option<Package>),
    /// An enabled repository has it by this very name, or of what is no package in this very form.
    Exact(Package),
    /// A package of another name provides it, and installs by this name.
    ProvidedBy(Package),
    /// It is needed to be there, and what the chain installs brings it.
    Brought(Package),
    /// The chain brings it along itself: a package file.
    Local,
    /// The chain removes it, and it is not there.
    NothingToRemove,
    /// It must be there, is not, and nothing that the chain installs brings it; these packages would.
    NotInstalled(Vec<String>),
    /// It has another name.
    Renamed {
        /// The name.
        to: String,
        /// How that is known.
        by: RenamedBy,
    },
    /// What it was is now several packages.
    Split(Vec<String>),
    /// The path is another.
    Moved(String),
    /// It is there in other versions than the one that is stated.
    OtherVersion(Vec<Package>),
    /// It is in a repository that is not enabled.
    OtherRepository(Package),
    /// It is there for other architectures.
    OtherArch(Vec<String>),
    /// It is not there. These names are near; none of them is known to be it.
    Absent(Vec<String>),
    /// The system has it, or could, but not as the chain needs it: a sentence.
    Refused(String),
    /// Nothing can be said: why.
    Unknown(String),
}

/// How another name is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RenamedBy {
    /// A package obsoletes the old name.
    Obsoletes,
    /// A package provides what the old one provided.
    Provides,
    /// A package has the commands and units of the old one.
    Files,
    /// The name of Debian's package is known by another one here.
    Debian,
}

impl RenamedBy {
    /// As it stands in documents for programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Obsoletes => "obsoletes",
            Self::Provides => "provides",
            Self::Files => "files",
            Self::Debian => "debian",
        }
    }
}

/// Something that is otherwise than on the system that the chain comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// What: `preset of nginx.service`.
    pub what: String,
    /// On the system that the chain comes from.
    pub there: String,
    /// On the target.
    pub here: String,
    /// Whether the chain cannot be said to work with it.
    pub blocks: bool,
}

/// What an answer means for the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// It works.
    Fits,
    /// It works, and something is otherwise.
    Differs,
    /// It is missing, and the chain says itself that it goes on without.
    Tolerated,
    /// It works once the file is edited as shown.
    Edit,
    /// Nothing can be said.
    Unknown,
    /// It does not work, and a person has to choose between ways that would.
    Decision,
    /// It does not work.
    Blocks,
}

impl Effect {
    /// As it stands in documents for programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fits => "fits",
            Self::Differs => "differs",
            Self::Tolerated => "tolerated",
            Self::Edit => "edit",
            Self::Unknown => "unknown",
            Self::Decision => "decision",
            Self::Blocks => "blocks",
        }
    }
}

impl Answer {
    /// As it stands in documents for programs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Present(_) => "present",
            Self::Exact(_) => "exact",
            Self::ProvidedBy(_) => "provided-by",
            Self::Brought(_) => "brought",
            Self::Local => "local",
            Self::NothingToRemove => "nothing-to-remove",
            Self::NotInstalled(_) => "not-installed",
            Self::Renamed { .. } => "renamed",
            Self::Split(_) => "split",
            Self::Moved(_) => "moved",
            Self::OtherVersion(_) => "other-version",
            Self::OtherRepository(_) => "other-repository",
            Self::OtherArch(_) => "other-arch",
            Self::Absent(_) => "absent",
            Self::Refused(_) => "refused",
            Self::Unknown(_) => "unknown",
        }
    }

    /// The package that meets the need.
    pub fn package(&self) -> Option<&Package> {
        match self {
            Self::Present(package) => package.as_ref(),
            Self::Exact(package) | Self::ProvidedBy(package) | Self::Brought(package) => Some(package),
            Self::OtherRepository(package) => Some(package),
            _ => None,
        }
    }

    /// Names that may take its place: of packages, or a path.
    pub fn candidates(&self) -> Vec<String> {
        match self {
            Self::NotInstalled(names) | Self::Split(names) | Self::Absent(names) => names.clone(),
            Self::Renamed { to, .. } | Self::Moved(to) => vec![to.clone()],
            Self::OtherVersion(packages) => packages.iter().map(Package::label).collect(),
            _ => Vec::new(),
        }
    }
}

impl Answered {
    /// What it means for the chain.
    pub fn effect(&self) -> Effect {
        let effect = match &self.answer {
            Answer::Present(_)
            | Answer::Exact(_)
            | Answer::ProvidedBy(_)
            | Answer::Brought(_)
            | Answer::Local
            | Answer::NothingToRemove => match self.differences.iter().map(|difference| difference.blocks).max() {
                Some(true) => Effect::Decision,
                Some(false) => Effect::Differs,
                None => Effect::Fits,
            },
            Answer::Renamed { .. } | Answer::Split(_) | Answer::Moved(_) | Answer::NotInstalled(_) => Effect::Decision,
            Answer::OtherVersion(_) | Answer::OtherRepository(_) => Effect::Decision,
            Answer::OtherArch(_) | Answer::Absent(_) | Answer::Refused(_) => Effect::Blocks,
            Answer::Unknown(_) => Effect::Unknown,
        };
        match effect {
            Effect::Fits if self.edit.is_some() => Effect::Edit,
            Effect::Fits | Effect::Differs => effect,
            // An edit is there only where the evidence allows but one.
            Effect::Decision if self.edit.is_some() => Effect::Edit,
            _ if self.need.optional => Effect::Tolerated,
            _ => effect,
        }
    }
}
