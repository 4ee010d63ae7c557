//! The whole comparison: every difference, what documents it, and how the command ends.

use super::azldev::{Index, Tree};
use super::comparison::{Comparison, Uncompared};
use super::difference::Difference;
use super::facts::Facts;
use super::ledger::{Ledger, Said};
use muster_base::exit::Exit;
use muster_base::text::plural;
use muster_suite::deviations::Deviation;

/// What documents a difference.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct DocumentedBy {
    /// `ledger`, or `overlay` and its component: `overlay of systemd`.
    pub by: String,
    /// Where it stands.
    pub location: String,
    /// In Azure Linux's vocabulary; absent of an overlay that only describes itself in words.
    pub category: Option<String>,
    /// In the same.
    pub upstream_status: Option<String>,
    /// Why the difference is meant; may be empty.
    pub reason: String,
}

/// How a difference stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It is meant.
    Documented(DocumentedBy),
    /// It was meant until a day that is over.
    Expired {
        /// What documented it.
        document: DocumentedBy,
        /// For the report.
        note: String,
    },
    /// Nobody has said that it is meant.
    Undocumented {
        /// What may explain it, and why it does not; may be empty.
        note: String,
    },
}

/// A difference and how it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluated {
    /// The difference.
    pub difference: Difference,
    /// How it stands.
    pub standing: Standing,
}

/// What came of a comparison.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ComparisonResult {
    /// What the baseline is called.
    pub baseline: String,
    /// What the candidate is called.
    pub candidate: String,
    /// Kinds that were compared, in order.
    pub kinds: Vec<&'static str>,
    /// Every difference, in order.
    pub evaluated: Vec<Evaluated>,
    /// Kinds that could not be compared.
    pub uncompared: Vec<Uncompared>,
    /// Kinds that neither system has.
    pub neither: Vec<Uncompared>,
    /// Entries of the ledger that were about nothing: one sentence each.
    pub stale: Vec<String>,
    /// Other things that a reader should know.
    pub notes: Vec<String>,
}

/// How many differences stand how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Counts {
    /// All differences.
    pub differences: usize,
    /// Those that are meant.
    pub documented: usize,
    /// Those that were meant until a day that is over.
    pub expired: usize,
    /// Those that nobody has said are meant.
    pub undocumented: usize,
}

/// Evaluates a comparison by a ledger and a tree of overlays.
pub fn evaluate(
    comparison: Comparison,
    (baseline, candidate): (&Facts, &Facts),
    entries: &[Deviation],
    tree: Option<&Tree>,
    today: jiff::civil::Date,
) -> ComparisonResult {
    let lookup = |name: &str| candidate.dimension(name);
    let mut ledger = Ledger::new(entries, &lookup, today);
    let index = tree.map(|tree| Index::new(tree, baseline, candidate));
    let mut evaluated = Vec::with_capacity(comparison.differences.len());
    for difference in comparison.differences {
        let said = ledger.says(&difference);
        let overlay = || index.as_ref().and_then(|index| index.documents(&difference));
        let standing = match said {
            Said::Documented(entry) => Standing::Documented(of_entry(&entries[entry])),
            other => match (overlay(), other) {
                (Some((component, overlay)), _) => Standing::Documented(DocumentedBy {
                    by: format!("overlay of {component}"),
                    location: overlay.location.to_string(),
                    category: overlay.metadata.as_ref().map(|(category, _)| category.clone()),
                    upstream_status: overlay.metadata.as_ref().map(|(_, status)| status.clone()),
                    reason: overlay.description.clone(),
                }),
                (None, Said::Expired(entry)) => {
                    let entry = &entries[entry];
                    let last = entry.expires.map(|day| day.to_string()).unwrap_or_default();
                    let note = format!("the entry at {} expired on {last}", entry.location);
                    Standing::Expired { document: of_entry(entry), note }
                }
                (None, Said::Undecided(entry, dimension)) => {
                    let at = &entries[entry].location;
                    let note =
                        format!("the entry at {at} may document it, but `{dimension}` is not known of the candidate");
                    Standing::Undocumented { note }
                }
                (None, _) => Standing::Undocumented { note: String::new() },
            },
        };
        evaluated.push(Evaluated { difference, standing });
    }
    let stale = |index: usize| {
        let entry = &entries[index];
        format!("{}: nothing matches `{}` any more: delete the entry", entry.location, entry.pattern)
    };
    ComparisonResult {
        baseline: baseline.name.clone(),
        candidate: candidate.name.clone(),
        stale: ledger.stale(&comparison.kinds).into_iter().map(stale).collect(),
        kinds: comparison.kinds,
        evaluated,
        uncompared: comparison.uncompared,
        neither: comparison.neither,
        notes: tree.map(|tree| tree.notes.clone()).unwrap_or_default(),
    }
}

fn of_entry(entry: &Deviation) -> DocumentedBy {
    DocumentedBy {
        by: "ledger".to_owned(),
        location: entry.location.to_string(),
        category: Some(entry.category.to_owned()),
        upstream_status: Some(entry.upstream_status.to_owned()),
        reason: entry.reason.clone(),
    }
}

impl ComparisonResult {
    /// How many differences stand how; of one kind, or of all.
    pub fn counts(&self, kind: Option<&str>) -> Counts {
        let mut counts = Counts::default();
        for evaluated in
            self.evaluated.iter().filter(|evaluated| kind.is_none_or(|kind| evaluated.difference.kind == kind))
        {
            counts.differences += 1;
            match evaluated.standing {
                Standing::Documented(_) => counts.documented += 1,
                Standing::Expired { .. } => counts.expired += 1,
                Standing::Undocumented { .. } => counts.undocumented += 1,
            }
        }
        counts
    }

    /// How the command ends, as decision 0005 orders it: a difference that nobody documented outweighs
    /// a kind that could not be compared, and that an entry that is over. To have compared nothing at
    /// all is no pass.
    pub fn exit(&self) -> Exit {
        let counts = self.counts(None);
        match () {
            () if counts.undocumented > 0 => Exit::Failed,
            () if !self.uncompared.is_empty() => Exit::Error,
            () if self.kinds.is_empty() => Exit::Invalid,
            () if counts.expired > 0 || !self.stale.is_empty() => Exit::Stale,
            () => Exit::Pass,
        }
    }

    /// The sum in one sentence.
    pub fn summary(&self) -> String {
        let Counts { differences, documented, expired, undocumented } = self.counts(None);
        let mut out = match differences {
            0 => format!("no differences in {} kind{}", self.kinds.len(), plural(self.kinds.len())),
            _ => {
                format!("{differences} difference{}: {documented} documented, {undocumented} not", plural(differences))
            }
        };
        let mut add = |count: usize, what: String| {
            if count > 0 {
                out.push_str(&format!(", {count} {what}"));
            }
        };
        add(expired, "documented until a day that is over".to_owned());
        add(self.uncompared.len(), format!("kind{} not compared", plural(self.uncompared.len())));
        add(self.stale.len(), format!("stale entr{}", if self.stale.len() == 1 { "y" } else { "ies" }));
        out
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::comparison::compare;
    use super::super::item::Part;
    use super::super::kinds::{self, all};
    use super::super::testing::{facts, items, package};
    use super::*;
    use muster_suite::Vocabulary;
    use muster_suite::deviations::decode_source;
    use muster_suite::diagnostic::Diagnostics;

    /// Two systems and a ledger that documents some of what differs.
    pub(crate) fn planted(ledger: &str, spoil: impl Fn(&mut Facts)) -> ComparisonResult {
        let before = facts(&[
            ("package", items(&[("bash", &package("5.2", "1.fc43", "bash")), ("foo", &package("1", "1", "foo"))])),
            ("sysctl", items(&[("kernel.x", &[("value", "1")])])),
        ]);
        let mut after = facts(&[
            ("package", items(&[("bash", &package("5.2", "1.azl4", "bash"))])),
            ("sysctl", items(&[("kernel.x", &[("value", "a|b`c")])])),
        ]);
        after.name = "candidate".to_owned();
        spoil(&mut after);
        let vocabulary = Vocabulary { tables: &[], capabilities: &[], tools: &[] };
        let mut sink = Diagnostics::new();
        let entry = |line: &str| {
            let (pattern, more) = line.split_once(' ').unwrap_or((line, ""));
            let more = if more.is_empty() { String::new() } else { format!(", {more}") };
            format!(
                "  - {{pattern: '{pattern}', category: azl-pruning, upstream-status: unknown, reason: meant, link: l{more}}}\n"
            )
        };
        let entries: String = ledger.lines().map(entry).collect();
        let entries = match ledger {
            "" => Vec::new(),
            _ => decode_source(
                "d.yaml",
                &format!("schema: deviations/v1\ndeviations:\n{entries}"),
                &kinds::names(),
                &vocabulary,
                &mut sink,
            ),
        };
        assert_eq!(sink.render(false), "");
        let comparison = compare(all(), &before, &after);
        evaluate(comparison, (&before, &after), &entries, None, "2026-12-01".parse().unwrap())
    }

    const ALL: &str = "package/removed/foo\npackage/changed/*:release\nsysctl/changed/kernel.x";

    #[test]
    fn the_exit_code_reports_what_is_left() {
        let exit = |ledger: &str| planted(ledger, |_| {}).exit();
        assert_eq!(exit(""), Exit::Failed);
        assert_eq!(exit("package/removed/foo"), Exit::Failed);
        assert_eq!(exit(ALL), Exit::Pass);
        assert_eq!(exit(&format!("{ALL}\nuser/added/x")), Exit::Stale);
        assert_eq!(exit(&ALL.replace("kernel.x", "kernel.x expires: 2026-11-30")), Exit::Stale);
        assert_eq!(exit(&ALL.replace("kernel.x", "kernel.y")), Exit::Failed);
    }

    #[test]
    fn a_kind_that_could_not_be_compared_is_an_error_unless_something_worse_is_known() {
        let lose = |facts: &mut Facts| {
            facts.parts.insert("locale", Part::Unreadable("cut".into()));
        };
        assert_eq!(planted(ALL, lose).exit(), Exit::Error);
        assert_eq!(planted("", lose).exit(), Exit::Failed);
        let verdict = ComparisonResult::default();
        assert_eq!(verdict.exit(), Exit::Invalid, "nothing was compared");
    }

    #[test]
    fn counts_and_sentences_agree() {
        let verdict = planted("package/removed/foo", |_| {});
        let counts = Counts { differences: 3, documented: 1, expired: 0, undocumented: 2 };
        assert_eq!(verdict.counts(None), counts);
        assert_eq!(verdict.counts(Some("sysctl")).undocumented, 1);
        assert_eq!(verdict.summary(), "3 differences: 1 documented, 2 not");
        let [removed] = &verdict
            .evaluated
            .iter()
            .filter(|it| matches!(it.standing, Standing::Documented(_)))
            .collect::<Vec<_>>()[..]
        else {
            panic!()
        };
        assert_eq!(removed.difference.key(), "package/removed/foo");
    }
}
