//! A comparison for programs (`comparison/v1`).

use serde::Serialize;

use super::comparison::Uncompared;
use super::verdict::{ComparisonResult, Counts, DocumentedBy, Standing};

/// The name of the schema.
pub const SCHEMA: &str = "comparison/v1";

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Comparison<'v> {
    schema: &'static str,
    baseline: &'v str,
    candidate: &'v str,
    kinds: &'v [&'static str],
    counts: Counts,
    differences: Vec<Row<'v>>,
    uncompared: &'v [Uncompared],
    neither: &'v [Uncompared],
    stale: &'v [String],
    notes: &'v [String],
    exit_code: u8,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Row<'v> {
    key: String,
    kind: &'static str,
    change: &'static str,
    subject: &'v str,
    field: Option<&'static str>,
    before: Option<&'v str>,
    after: Option<&'v str>,
    packages: &'v [String],
    /// `documented`, `expired` or `undocumented`.
    standing: &'static str,
    document: Option<&'v DocumentedBy>,
    note: &'v str,
}

/// The document.
///
/// # Errors
/// When it cannot be serialised, which is a defect of ours.
pub fn render(verdict: &ComparisonResult) -> Result<String, serde_json::Error> {
    let row = |evaluated: &'_ super::verdict::Evaluated| -> (&'static str, Option<DocumentedBy>, String) {
        match &evaluated.standing {
            Standing::Documented(document) => ("documented", Some(document.clone()), String::new()),
            Standing::Expired { document, note } => ("expired", Some(document.clone()), note.clone()),
            Standing::Undocumented { note } => ("undocumented", None, note.clone()),
        }
    };
    let standings: Vec<_> = verdict.evaluated.iter().map(row).collect();
    let differences = verdict
        .evaluated
        .iter()
        .zip(&standings)
        .map(|(evaluated, (standing, document, note))| Row {
            key: evaluated.difference.key(),
            kind: evaluated.difference.kind,
            change: evaluated.difference.change.name(),
            subject: &evaluated.difference.subject,
            field: evaluated.difference.field,
            before: evaluated.difference.before.as_deref(),
            after: evaluated.difference.after.as_deref(),
            packages: &evaluated.difference.packages,
            standing,
            document: document.as_ref(),
            note,
        })
        .collect();
    serde_json::to_string_pretty(&Comparison {
        schema: SCHEMA,
        baseline: &verdict.baseline,
        candidate: &verdict.candidate,
        kinds: &verdict.kinds,
        counts: verdict.counts(None),
        differences,
        uncompared: &verdict.uncompared,
        neither: &verdict.neither,
        stale: &verdict.stale,
        notes: &verdict.notes,
        exit_code: verdict.exit() as u8,
    })
}

#[cfg(test)]
mod tests {
    use super::super::verdict::tests::planted;
    use super::*;

    #[test]
    fn programs_find_keys_standings_and_the_exit_code() {
        let document: serde_json::Value =
            serde_json::from_str(&render(&planted("package/removed/foo", |_| {})).unwrap()).unwrap();
        assert_eq!((&document["schema"], &document["exit-code"]), (&"comparison/v1".into(), &1.into()));
        assert_eq!(document["counts"]["undocumented"], 2);
        let rows = document["differences"].as_array().unwrap();
        let of = |key: &str| rows.iter().find(|row| row["key"] == key).unwrap();
        assert_eq!(of("package/removed/foo")["document"]["category"], "azl-pruning");
        assert_eq!(
            (&of("sysctl/changed/kernel.x")["standing"], &of("sysctl/changed/kernel.x")["after"]),
            (&"undocumented".into(), &"a|b`c".into())
        );
    }
}
