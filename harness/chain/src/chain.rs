//! A file that was read.

use std::sync::Arc;

use crate::need::Need;
use crate::place::Place;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChainKind {
    /// A Containerfile or Dockerfile, also one of bootc.
    Containerfile,
    /// A kickstart.
    Kickstart,
    /// A playbook or task file of Ansible.
    Ansible,
    /// `#cloud-config`.
    CloudConfig,
    /// A configuration of mkosi.
    Mkosi,
    /// A description of kiwi.
    Kiwi,
    /// A blueprint of Image Builder.
    Blueprint,
    /// TOML of azldev: package groups, images, components.
    Azldev,
    /// A comps file.
    Comps,
    /// A spec file.
    Spec,
    /// An RPM package.
    Rpm,
    /// Names of packages, one a line, or what `rpm -qa` prints.
    List,
    /// A facts file of `muster compare`.
    Facts,
    /// A program or library.
    Elf,
    /// A tar archive of programs.
    Tarball,
    /// A script.
    Script,
    /// A unit file of systemd.
    Unit,
}

impl ChainKind {
    /// As it is called in output and on the command line (`--as`).
    pub fn name(self) -> &'static str {
        match self {
            Self::Containerfile => "containerfile",
            Self::Kickstart => "kickstart",
            Self::Ansible => "ansible",
            Self::CloudConfig => "cloud-config",
            Self::Mkosi => "mkosi",
            Self::Kiwi => "kiwi",
            Self::Blueprint => "blueprint",
            Self::Azldev => "azldev",
            Self::Comps => "comps",
            Self::Spec => "spec",
            Self::Rpm => "rpm",
            Self::List => "list",
            Self::Facts => "facts",
            Self::Elf => "elf",
            Self::Tarball => "tarball",
            Self::Script => "script",
            Self::Unit => "unit",
        }
    }
}

/// What was read of one file, and of those that it includes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// The file as it was named.
    pub file: Arc<str>,
    /// What it is.
    pub kind: ChainKind,
    /// What it needs, in the order of the file.
    pub needs: Vec<Need>,
    /// Lines that say something (no blanks, no comments), or entries of a file without lines.
    pub lines: usize,
    /// Of these, the ones that were not understood, in the order of the file. A line is here once.
    pub not_understood: Vec<NotUnderstood>,
    /// The system that the chain was written for, as it names it: `fedora:43`, of `FROM`; the last one.
    pub written_for: Option<String>,
}

impl Chain {
    /// Lines that were understood.
    pub fn understood(&self) -> usize {
        self.lines.saturating_sub(self.not_understood.len())
    }
}

/// A line that was not understood. It may need something that nobody has looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotUnderstood {
    /// The line.
    pub place: Place,
    /// As it is written, at most some hundred characters.
    pub written: String,
    /// Why: `the value of $PACKAGES is not known here`.
    pub why: String,
}
