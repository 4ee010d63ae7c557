//! What was found, for programs (`port/v1`).

use serde::Serialize;

use crate::answer::{Answer, Answered, Difference};
use crate::edit::EditedFile;
use crate::metadata::Package;
use crate::sum::{Counts, Installation, Port, PortedChain};
use crate::trial::{Ran, Smoke, Trial};
use crate::words::{self, Cause};
use muster_chain::{Need, Verb};

/// The name of the schema.
pub const SCHEMA: &str = "port/v1";
/// The JSON Schema of the document.
pub const PORT_SCHEMA: &str = include_str!("../../../../reports/schema/port-v1.json");

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Document<'p> {
    schema: &'static str,
    target: &'p str,
    from: Option<&'p str>,
    depth: &'static str,
    verdict: &'static str,
    summary: String,
    exit_code: u8,
    accepts_not_understood: bool,
    counts: Numbers,
    chains: Vec<ChainRow<'p>>,
    notes: &'p [String],
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Numbers {
    needs: usize,
    met: usize,
    differ: usize,
    tolerated: usize,
    edits: usize,
    decisions: usize,
    missing: usize,
    unknown: usize,
    lines: usize,
    understood: usize,
}

impl From<Counts> for Numbers {
    fn from(counts: Counts) -> Self {
        let Counts { needs, met, differ, tolerated, edits, decisions, missing, unknown, lines, understood, .. } =
            counts;
        Self { needs, met, differ, tolerated, edits, decisions, missing, unknown, lines, understood }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct ChainRow<'p> {
    file: &'p str,
    kind: &'static str,
    written_for: Option<&'p str>,
    verdict: &'static str,
    counts: Numbers,
    needs: Vec<NeedRow<'p>>,
    installations: Vec<InstallationRow<'p>>,
    edits: Vec<EditRow<'p>>,
    not_understood: Vec<GapRow<'p>>,
    trial: Option<TrialRow<'p>>,
    smoke: Option<SmokeRow<'p>>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct NeedRow<'p> {
    file: &'p str,
    line: u32,
    within: Option<&'p str>,
    kind: &'static str,
    subject: String,
    written: &'p str,
    verb: &'static str,
    optional: bool,
    answer: &'static str,
    effect: &'static str,
    failure: Option<String>,
    text: String,
    package: Option<PackageRow<'p>>,
    candidates: Vec<String>,
    known_by: Option<&'static str>,
    evidence: &'p [String],
    differences: Vec<DifferenceRow<'p>>,
    edit: Option<ReplacementRow<'p>>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct PackageRow<'p> {
    name: &'p str,
    evr: &'p str,
    arch: &'p str,
    repository: &'p str,
    installed: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct DifferenceRow<'p> {
    what: &'p str,
    there: &'p str,
    here: &'p str,
    blocks: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct ReplacementRow<'p> {
    file: &'p str,
    line: u32,
    start: u32,
    end: u32,
    from: &'p str,
    to: &'p str,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct InstallationRow<'p> {
    within: Option<&'p str>,
    wanted: &'p [String],
    packages: usize,
    bytes: i64,
    download: u64,
    replaces: &'p [String],
    removes: &'p [String],
    problems: &'p [String],
    unknown: Option<&'p str>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct EditRow<'p> {
    file: &'p str,
    edits: usize,
    diff: String,
    in_conflict: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct GapRow<'p> {
    file: &'p str,
    line: u32,
    written: &'p str,
    why: &'p str,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct TrialRow<'p> {
    failed: Option<&'p str>,
    command: &'p str,
    succeeded: bool,
    output: &'p str,
    installed: &'p [String],
    removed: &'p [String],
    scriptlet_errors: &'p [String],
    verify: &'p [String],
    started: &'p [String],
    failed_units: &'p [String],
    missing_libraries: &'p [String],
    console: &'p [String],
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct SmokeRow<'p> {
    command: &'p str,
    result: &'static str,
    target: RanRow<'p>,
    from: Option<RanRow<'p>>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct RanRow<'p> {
    status: Option<i32>,
    why: &'p str,
    stdout: &'p str,
    stderr: &'p str,
    console: &'p [String],
}

/// The document.
///
/// # Errors
/// When it cannot be serialised, which is a defect of ours.
pub fn render(port: &Port) -> Result<String, serde_json::Error> {
    let document = Document {
        schema: SCHEMA,
        target: &port.target,
        from: port.from.as_deref(),
        depth: port.depth.name(),
        verdict: port.verdict().name(),
        summary: port.summary(),
        exit_code: port.exit() as u8,
        accepts_not_understood: port.accepts_gaps,
        counts: port.counts().into(),
        chains: port.chains.iter().map(|chain| chain_row(chain, port.accepts_gaps)).collect(),
        notes: &port.notes,
    };
    serde_json::to_string_pretty(&document).map(|text| text + "\n")
}

fn chain_row(ported: &PortedChain, accepts_gaps: bool) -> ChainRow<'_> {
    let chain = &ported.chain;
    ChainRow {
        file: &chain.file,
        kind: chain.kind.name(),
        written_for: chain.written_for.as_deref(),
        verdict: ported.verdict(accepts_gaps).name(),
        counts: ported.counts().into(),
        needs: ported.answers.iter().map(need_row).collect(),
        installations: ported.installations.iter().map(installation_row).collect(),
        edits: ported.edited.iter().map(edit_row).collect(),
        not_understood: chain
            .not_understood
            .iter()
            .map(|gap| GapRow { file: &gap.place.file, line: gap.place.line, written: &gap.written, why: &gap.why })
            .collect(),
        trial: ported.trial.as_ref().map(trial_row),
        smoke: ported.smoke.as_ref().map(smoke_row),
    }
}

fn need_row(answered: &Answered) -> NeedRow<'_> {
    let Need { want, verb, optional, place, written, within } = &answered.need;
    NeedRow {
        file: &place.file,
        line: place.line,
        within: within.as_deref(),
        kind: words::kind(want),
        subject: words::subject(want),
        written,
        verb: match verb {
            Verb::Install => "install",
            Verb::Use => "use",
            Verb::Remove => "remove",
        },
        optional: *optional,
        answer: answered.answer.name(),
        effect: answered.effect().name(),
        failure: Cause::of(answered).map(|cause| cause.failure_id().as_str().to_owned()),
        text: words::answer(answered),
        package: answered.answer.package().map(package_row),
        candidates: answered.answer.candidates(),
        known_by: match &answered.answer {
            Answer::Renamed { by, .. } => Some(by.name()),
            _ => None,
        },
        evidence: &answered.evidence,
        differences: answered.differences.iter().map(difference_row).collect(),
        edit: answered.edit.as_ref().map(|edit| ReplacementRow {
            file: &edit.place.file,
            line: edit.place.line,
            start: edit.place.start,
            end: edit.place.end,
            from: &edit.from,
            to: &edit.to,
        }),
    }
}

fn package_row(package: &Package) -> PackageRow<'_> {
    let Package { name, evr, arch, repository, is_installed, .. } = package;
    PackageRow { name, evr, arch, repository, installed: *is_installed }
}

fn difference_row(difference: &Difference) -> DifferenceRow<'_> {
    let Difference { what, there, here, blocks } = difference;
    DifferenceRow { what, there, here, blocks: *blocks }
}

fn installation_row(one: &Installation) -> InstallationRow<'_> {
    let Installation { within, wanted, packages, bytes, download, replaces, removes, problems, unknown } = one;
    InstallationRow {
        within: within.as_deref(),
        wanted,
        packages: *packages,
        bytes: *bytes,
        download: *download,
        replaces,
        removes,
        problems,
        unknown: unknown.as_deref(),
    }
}

fn edit_row(file: &EditedFile) -> EditRow<'_> {
    EditRow { file: &file.file, edits: file.edits, diff: file.diff(), in_conflict: file.in_conflict.len() }
}

fn trial_row(trial: &Trial) -> TrialRow<'_> {
    TrialRow {
        failed: trial.failed.as_deref(),
        command: &trial.command,
        succeeded: trial.succeeded,
        output: &trial.output,
        installed: &trial.installed,
        removed: &trial.removed,
        scriptlet_errors: &trial.scriptlet_errors,
        verify: &trial.verify,
        started: &trial.started,
        failed_units: &trial.failed_units,
        missing_libraries: &trial.missing_libraries,
        console: &trial.console,
    }
}

fn smoke_row(smoke: &Smoke) -> SmokeRow<'_> {
    SmokeRow {
        command: &smoke.command,
        result: smoke.result().name(),
        target: ran_row(&smoke.target),
        from: smoke.from.as_ref().map(ran_row),
    }
}

fn ran_row(ran: &Ran) -> RanRow<'_> {
    let Ran { status, why, stdout, stderr, console } = ran;
    RanRow { status: *status, why, stdout, stderr, console }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn the_document_fits_its_schema_and_nothing_else_does() {
        let schema: serde_json::Value = serde_json::from_str(PORT_SCHEMA).unwrap();
        jsonschema::draft202012::meta::validate(&schema).expect("the schema is itself valid");
        let validator = jsonschema::draft202012::new(&schema).unwrap();
        for port in [testing::planted(), testing::tried(), testing::hostile()] {
            let mut document: serde_json::Value = serde_json::from_str(&render(&port).unwrap()).unwrap();
            let errors: Vec<String> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
            assert_eq!(errors, Vec::<String>::new());
            document["chains"][0]["needs"][0]["answer"] = "maybe".into();
            assert_eq!(validator.iter_errors(&document).count(), 1);
        }
    }

    #[test]
    fn programs_find_the_verdict_and_every_answer() {
        let document: serde_json::Value = serde_json::from_str(&render(&testing::planted()).unwrap()).unwrap();
        assert_eq!((&document["verdict"], &document["exit-code"]), (&"does-not-port".into(), &1.into()));
        let needs = document["chains"][0]["needs"].as_array().unwrap();
        let of = |subject: &str| needs.iter().find(|need| need["subject"] == subject).unwrap();
        assert_eq!((&of("old-name")["answer"], &of("old-name")["edit"]["to"]), (&"renamed".into(), &"new-name".into()));
        assert_eq!((&of("gone")["failure"], &of("gone")["effect"]), (&"port.absent".into(), &"blocks".into()));
    }
}
