//! What a page says of the tests that a certificate requires: their summaries, and what one of them found that its reader should know.

use std::collections::{BTreeMap, BTreeSet};

use muster_base::text::one_line;
use muster_gate::decision::{Decision, RequirementKind};
use muster_gate::inputs::RunInput;
use muster_record::run::TestRecord;
use muster_suite::model::base_id;

use crate::supportable::SUPPORTABLE;

/// Characters of a summary at most.
const SUMMARY: usize = 300;
/// What the suite `supportable` expects of the repositories that products add, as a record has it: always met, so that they are listed.
const OF_PRODUCTS: &str = "of-products ";

/// The tests that the decisions require, and those of the suite `supportable`, by name, each with its summary; empty where no run has
/// one.
pub(crate) fn tests<'d>(decided: impl Iterator<Item = (&'d Decision, &'d [RunInput])>) -> BTreeMap<String, String> {
    let mut out: BTreeMap<String, String> = BTreeMap::new();
    for (decision, runs) in decided {
        let required = decision.requirements.iter().filter(|one| one.kind == RequirementKind::Test);
        for one in required {
            out.entry(one.name.clone()).or_default();
        }
        for test in runs.iter().flat_map(|run| &run.record.tests) {
            let name = one_line(base_id(&test.name()), SUMMARY);
            let summary = one_line(&test.summary, SUMMARY);
            if test.suite == SUPPORTABLE {
                out.entry(name).or_insert(summary);
            } else if let Some(empty) = out.get_mut(&name).filter(|known| known.is_empty()) {
                *empty = summary;
            }
        }
    }
    out
}

/// The repositories that the product adds on the image with this digest, as the suite `supportable` found them.
pub(crate) fn added_repositories(runs: &[RunInput], sha256: &str) -> Vec<String> {
    let of_run = |run: &'_ RunInput| -> Vec<String> {
        let on_it = |test: &&TestRecord| run.record.images.get(&test.image).is_some_and(|image| image.sha256 == sha256);
        let tests = run.record.tests.iter().filter(|test| test.suite == SUPPORTABLE).filter(on_it);
        let met = tests.flat_map(|test| &test.met).filter(|met| met.expected.starts_with(OF_PRODUCTS));
        met.filter(|met| met.actual.contains("://")).map(|met| one_line(&met.actual, SUMMARY)).collect()
    };
    runs.iter().flat_map(of_run).collect::<BTreeSet<String>>().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use muster_gate::inputs::NamedFile;
    use muster_record::met::MetRecord;
    use muster_record::outcome::Outcome;

    use super::*;
    use crate::model::Status;
    use crate::refusal::RefusalId;
    use crate::testing::{Scene, changed, digest, program, run, shipped};

    fn scene(found: &str) -> Scene {
        let mut scene = Scene::new("");
        scene.runs = vec![changed(&scene.runs[0], |record| {
            let test = record.tests.iter_mut().find(|test| test.suite == SUPPORTABLE).expect("one");
            test.met = vec![MetRecord::new("repos", "of-products count <= 10", found)];
        })];
        scene
    }

    #[test]
    fn a_repository_that_the_product_adds_is_a_note_of_its_image() {
        let (statement, refusals) = scene("acme https://rpm.acme.example/").statement();
        assert_eq!(refusals, []);
        let certificate = &statement.predicate;
        let expected = ["acme https://rpm.acme.example/"];
        assert_eq!(
            (certificate.status, &certificate.images[0].added_repositories[..]),
            (Status::CertifiedWithNotes, &expected.map(str::to_owned)[..])
        );
        let page = crate::written::page::page(&statement, "SHA256:x").expect("a page");
        assert!(
            page.contains("<p>Note: the product adds a repository to the system: acme https://rpm.acme.example/</p>"),
            "{page}"
        );
        // The note follows from the evidence, whoever wrote the certificate.
        let mut hidden = statement.clone();
        hidden.predicate.images[0].added_repositories.clear();
        let evidence = scene("acme https://rpm.acme.example/").evidence();
        let (demands, at) = (crate::verify::Demands::default(), crate::testing::time(crate::testing::AT));
        let refusals = crate::verify::verify(&hidden, &evidence, &demands, at, &program(&shipped()));
        assert!(refusals.iter().any(|one| one.id == RefusalId::EvidenceDisagrees), "{refusals:?}");
        let (statement, _) = scene("none").statement();
        assert_eq!(
            (statement.predicate.status, statement.predicate.images[0].added_repositories.len()),
            (Status::Certified, 0)
        );
    }

    #[test]
    fn every_required_test_has_the_summary_that_the_runs_have() {
        let run = changed(&run("r1", "2026-11-19T10:00:00Z", &[("s/a[x=1]", Outcome::Pass)]), |record| {
            record.tests.iter_mut().for_each(|test| test.summary = format!("why {}", test.test));
        });
        let input = RunInput { file: NamedFile { file: run.file, sha256: run.record_sha256 }, record: run.record };
        let (statement, _) = Scene::new("").statement();
        let decision = &statement.predicate.images[0].decision;
        let found = tests([(decision, std::slice::from_ref(&input))].into_iter());
        assert_eq!(found["s/a"], "why a[x=1]");
        assert_eq!(found["s/b"], "", "no run has it");
        assert_eq!(found["supportable/kernel-untainted"], "why kernel-untainted");
        assert!(added_repositories(&[input], &digest(0xab)).is_empty());
    }
}
