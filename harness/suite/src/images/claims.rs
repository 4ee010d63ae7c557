//! `claims` of a catalogue entry: what an image's maker says that it has. They are values of the dimensions and
//! capabilities of conditions, compared in the same way; what a machine makes of them is for the engine.

use std::collections::BTreeMap;
use std::fmt;

use super::keys::FACTS;
use crate::condition::{self, Truth};
use crate::decode::{Context, within};
use crate::diagnostic::codes;
use crate::model::{Condition, MachineOverrides};
use crate::operator::Operator;
use crate::value;
use crate::yaml::{Node, NodeKind};
use muster_base::failure::Location;
use muster_base::machine::{Arch, FirmwareKind};

/// One thing that an image is said to have, or to be.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageClaim {
    /// The dimension or the capability that it is about.
    pub name: String,
    /// What is said of it.
    pub said: Claimed,
    /// Where it stands.
    pub location: Location,
}

/// What a claim says.
#[derive(Debug, Clone, PartialEq)]
pub enum Claimed {
    /// That the guest offers a capability, or does not.
    Capability(bool),
    /// What a dimension is: always a [`Condition::Compare`].
    Dimension(Condition),
}

impl fmt::Display for ImageClaim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.said {
            Claimed::Capability(there) => write!(f, "{} == {there}", self.name),
            Claimed::Dimension(condition) => write!(f, "{condition}"),
        }
    }
}

impl ImageClaim {
    /// Whether a machine that differs from the image's description in this is no evidence about the claim: Secure Boot
    /// is the firmware's, the TPM the machine's, and the kernel is another.
    pub fn is_about_another_machine(&self, overrides: &MachineOverrides) -> bool {
        match self.name.as_str() {
            "firmware" | "efi" | "secure-boot" | "uki" => overrides.firmware.is_some(),
            "tpm" => overrides.tpm.is_some(),
            "kernel" => overrides.kernel.is_some(),
            _ => false,
        }
    }

    /// The one value that it says a dimension has; `None` for another claim.
    pub fn value_of(&self, dimension: &str) -> Option<&str> {
        match &self.said {
            Claimed::Dimension(Condition::Compare { operator: Operator::Eq, values, .. }) if self.name == dimension => {
                values.first().filter(|_| values.len() == 1).map(String::as_str)
            }
            _ => None,
        }
    }

    /// Whether what is said can be seen in `lookup`'s values of dimensions, as of a condition.
    fn is_refuted(&self, lookup: &dyn Fn(&str) -> Option<Vec<String>>) -> bool {
        match &self.said {
            Claimed::Capability(_) => false,
            Claimed::Dimension(condition) => matches!(condition::evaluate(condition, lookup), Truth::False { .. }),
        }
    }
}

/// What an entry says of its machines, which claims must not contradict.
pub(super) struct DescribedMachine<'e> {
    pub(super) arch: Arch,
    pub(super) firmware: FirmwareKind,
    pub(super) tpm: bool,
    pub(super) facts: &'e BTreeMap<String, Vec<String>>,
}

/// Dimensions that can be claimed: those that a catalogue can know, and what the guest was started by.
pub fn dimensions() -> impl Iterator<Item = &'static str> {
    FACTS.iter().copied().chain(["firmware"])
}

/// The claims of an entry, in the order in which they stand.
pub(super) fn claims(cx: &mut Context<'_>, node: &Node) -> Vec<ImageClaim> {
    let NodeKind::Mapping(entries) = &node.kind else {
        let problem = cx.wrong_shape(node, "`claims`", "a mapping from capabilities and dimensions to values");
        cx.report(problem);
        return Vec::new();
    };
    if entries.is_empty() {
        let problem = cx.problem(codes::EMPTY_VALUE, node.span, "`claims` is empty");
        cx.report(problem.help("give it an entry, or remove the key"));
    }
    entries.iter().filter_map(|(key, value)| claim(cx, key, value)).collect()
}

fn claim(cx: &mut Context<'_>, key: &Node, value: &Node) -> Option<ImageClaim> {
    let name = key.scalar().unwrap_or_default();
    let capabilities = cx.vocabulary.capabilities;
    let is_capability = capabilities.iter().any(|(known, _)| *known == name);
    let is_dimension = dimensions().any(|known| known == name);
    if !is_capability && !is_dimension {
        let mut known: Vec<&str> = capabilities.iter().map(|(known, _)| *known).collect();
        dimensions().for_each(|dimension| known.push(dimension));
        cx.unknown_key(key, name, "`claims`", &known);
        return None;
    }
    // `selinux` and `systemd` are both; what stands behind them tells which is meant.
    let is_flag = matches!(value.scalar(), Some("true" | "false"));
    let said = match is_capability && (is_flag || !is_dimension) {
        true => Claimed::Capability(cx.parsed(value, name, value::boolean)?),
        false => Claimed::Dimension(comparison(cx, name, value)?),
    };
    Some(ImageClaim { name: name.to_owned(), said, location: cx.location(key.span) })
}

/// What stands behind a dimension: one value, several with commas of which one holds, or a comparison.
fn comparison(cx: &mut Context<'_>, name: &str, node: &Node) -> Option<Condition> {
    let text = cx.line(node, name)?;
    let before = match Operator::strip(text.text.trim_start()) {
        Some(_) => format!("{name} "),
        None => format!("{name} == "),
    };
    let place = |range: std::ops::Range<usize>| {
        // What is wrong with the words that were put before it is wrong with the whole.
        match range.start.checked_sub(before.len()) {
            Some(start) => within(text.span, &text.text, text.quoted, start..range.end - before.len()),
            None => text.span,
        }
    };
    let condition = match condition::parse(&format!("{before}{}", text.text), cx.vocabulary) {
        Ok(condition @ Condition::Compare { .. }) => condition,
        Ok(_) => {
            let what = format!("`{name}`: a claim is one value, or one comparison, of `{name}` alone");
            let problem = cx.problem(codes::BAD_CONDITION, text.span, what);
            cx.report(problem.help("make a claim of its own of each dimension"));
            return None;
        }
        Err(errors) => {
            for error in errors {
                let mut problem = cx
                    .problem(error.code, place(error.range), format!("`{name}`: {}", error.message))
                    .label(error.label);
                for note in error.notes.into_iter().filter(|note| !note.starts_with("a condition reads")) {
                    problem = problem.note(note);
                }
                cx.report(problem.note(format!("a claim reads like `{name}: VALUE` or `{name}: \">= VALUE\"`")));
            }
            return None;
        }
    };
    if condition::never_true(&condition).is_some() || condition::always_true(&condition).is_some() {
        let every = condition::always_true(&condition).is_some();
        let (code, what) = match every {
            true => (codes::ALWAYS_TRUE, "every system is so"),
            false => (codes::NEVER_TRUE, "no system can be so"),
        };
        let problem = cx.problem(code, text.span, format!("`{name}`: {what}, so that the claim says nothing"));
        cx.report(problem);
        return None;
    }
    Some(condition)
}

/// Reports claims that the rest of the entry contradicts: they would fail on every machine of it.
pub(super) fn contradicted(cx: &mut Context<'_>, node: &Node, claims: &[ImageClaim], entry: &DescribedMachine<'_>) {
    let firmware = entry.firmware.interface();
    let lookup = |name: &str| match name {
        "firmware" => Some(vec![firmware.to_owned()]),
        "arch" => Some(vec![entry.arch.name().to_owned()]),
        other => entry.facts.get(other).cloned(),
    };
    let NodeKind::Mapping(entries) = &node.kind else { return };
    for claim in claims {
        let why = match (claim.name.as_str(), &claim.said) {
            ("secure-boot", Claimed::Capability(true)) if entry.firmware != FirmwareKind::UefiSecure => {
                "its machines start without Secure Boot: `firmware: uefi-secure` is not stated".to_owned()
            }
            ("secure-boot", Claimed::Capability(false)) if entry.firmware == FirmwareKind::UefiSecure => {
                "its machines start with Secure Boot: `firmware` is `uefi-secure`".to_owned()
            }
            ("efi", Claimed::Capability(there)) if *there != (firmware == "uefi") => {
                format!("`firmware` is `{}`", entry.firmware.name())
            }
            ("tpm", Claimed::Capability(true)) if !entry.tpm => {
                "its machines have no TPM: `tpm: true` is not stated".to_owned()
            }
            (name, _) if claim.is_refuted(&lookup) => {
                format!("the entry says itself that `{name}` is {}", lookup(name).unwrap_or_default().join(", "))
            }
            _ => continue,
        };
        let found = entries.iter().find(|(key, _)| key.scalar() == Some(claim.name.as_str()));
        let span = found.map_or(node.span, |(_, value)| value.span);
        let problem = cx.problem(codes::NEVER_TRUE, span, format!("`{claim}` can never hold here: {why}"));
        cx.report(problem.help("correct the claim, or the description of the machine"));
    }
}
