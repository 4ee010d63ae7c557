//! A comparison as a person reads it in a terminal: by kind, what is documented folded into counts, and
//! below every other difference the entry that would document it.

use std::fmt::Write as _;

use super::kinds;
use super::ledger::entry_for;
use super::verdict::{ComparisonResult, Counts, DocumentedBy, Evaluated, Standing};
use muster_base::text::{one_line, plural};

/// Characters of a value that are shown.
const VALUE: usize = 120;

/// The text. With `all`, documented differences are listed too.
pub fn render(verdict: &ComparisonResult, all: bool) -> String {
    let mut out = format!("{} → {}\n", one_line(&verdict.baseline, 200), one_line(&verdict.candidate, 200));
    for word in &verdict.kinds {
        section(&mut out, verdict, word, all);
    }
    list(&mut out, "could not be compared", verdict.uncompared.iter().map(|it| format!("{}: {}", it.kind, it.why)));
    list(&mut out, "neither system has", verdict.neither.iter().map(|it| format!("{}: {}", it.kind, it.why)));
    list(&mut out, "stale entries", verdict.stale.iter().cloned());
    list(&mut out, "notes", verdict.notes.iter().cloned());
    let _ = writeln!(out, "\n{}", verdict.summary());
    out
}

fn list(out: &mut String, title: &str, lines: impl Iterator<Item = String>) {
    let lines: Vec<String> = lines.map(|line| format!("  {}\n", one_line(&line, 600))).collect();
    if !lines.is_empty() {
        let _ = write!(out, "\n{title}\n{}", lines.concat());
    }
}

fn section(out: &mut String, verdict: &ComparisonResult, word: &str, all: bool) {
    let Counts { differences, documented, .. } = verdict.counts(Some(word));
    if differences == 0 {
        return;
    }
    let what = kinds::find(word).map_or(word, |kind| kind.what());
    let _ =
        writeln!(out, "\n{word}: {differences} difference{} in {what}, {documented} documented", plural(differences));
    for evaluated in verdict.evaluated.iter().filter(|evaluated| evaluated.difference.kind == word) {
        match &evaluated.standing {
            Standing::Documented(document) if all => {
                line(out, "documented", evaluated);
                let _ = writeln!(out, "      {}", reported(document));
            }
            Standing::Documented(_) => {}
            Standing::Expired { note, .. } => {
                line(out, "expired", evaluated);
                let _ = writeln!(out, "      {}", one_line(note, 400));
            }
            Standing::Undocumented { note } => {
                line(out, "", evaluated);
                if !note.is_empty() {
                    let _ = writeln!(out, "      {}", one_line(note, 400));
                }
                let _ = writeln!(out, "      {}", entry_for(&evaluated.difference));
            }
        }
    }
}

fn line(out: &mut String, mark: &str, evaluated: &Evaluated) {
    let difference = &evaluated.difference;
    let mark = if mark.is_empty() { String::new() } else { format!("  ({mark})") };
    let field = difference.field.map(|field| format!(" {field}")).unwrap_or_default();
    let subject = one_line(&difference.subject, 200);
    let _ = writeln!(out, "  {:<8} {subject}{field}  {}{mark}", difference.change.name(), values(evaluated));
}

/// `3.5 → 3.6`; of what came or went only what it is.
pub(super) fn values(evaluated: &Evaluated) -> String {
    let show = |value: &Option<String>| value.as_deref().map(|value| one_line(value, VALUE));
    match (show(&evaluated.difference.before), show(&evaluated.difference.after)) {
        (Some(before), Some(after)) => format!("{before} → {after}"),
        (Some(before), None) => format!("{before} → (none)"),
        (None, Some(after)) => format!("(none) → {after}"),
        (None, None) => String::new(),
    }
}

/// Who documents it, and why it is meant.
pub(super) fn reported(document: &DocumentedBy) -> String {
    let words: Vec<&str> =
        [&document.category, &document.upstream_status].into_iter().flatten().map(String::as_str).collect();
    let words = if words.is_empty() { String::new() } else { format!(" [{}]", words.join(", ")) };
    one_line(&format!("{} {}{words}: {}", document.by, document.location, document.reason), 400)
}

#[cfg(test)]
mod tests {
    use super::super::verdict::tests::planted;
    use super::*;

    #[test]
    fn what_is_not_documented_stands_with_the_entry_that_would_document_it() {
        let verdict = planted("package/removed/foo\nuser/added/gone", |_| {});
        assert_eq!(
            render(&verdict, false),
            "planted → candidate\n\
             \npackage: 2 differences in packages, 1 documented\n  \
               changed  bash release  1.fc43 → 1.azl4\n      \
               - {pattern: \"package/changed/bash:release\", before: \"1.fc43\", after: \"1.azl4\", category: \"\", upstream-status: \"\", reason: \"\", link: \"\"}\n\
             \nsysctl: 1 difference in kernel parameters, 0 documented\n  \
               changed  kernel.x  1 → a|b`c\n      \
               - {pattern: \"sysctl/changed/kernel.x\", before: \"1\", after: \"a|b`c\", category: \"\", upstream-status: \"\", reason: \"\", link: \"\"}\n\
             \nstale entries\n  d.yaml:4:5: nothing matches `user/added/gone` any more: delete the entry\n\
             \n3 differences: 1 documented, 2 not, 1 stale entry\n"
        );
        let all = render(&verdict, true);
        assert!(all.contains("  removed  foo  0 1 1 x86_64 Planted → (none)  (documented)\n      ledger d.yaml:3:5 [azl-pruning, unknown]: meant\n"), "{all}");
    }
}
