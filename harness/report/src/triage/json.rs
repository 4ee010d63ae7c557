//! For programs (schema `triage/v1`, in `reports/schema/triage-v1.json`).

use serde_json::{Value, json};

use super::packet::Packet;

/// The name of the schema.
pub const SCHEMA: &str = "triage/v1";
/// The schema.
pub const TRIAGE_SCHEMA: &str = include_str!("../../../../reports/schema/triage-v1.json");

/// The document.
pub fn document(packet: &Packet<'_>, run: &str) -> Value {
    let test = packet.test;
    json!({
        "schema": SCHEMA,
        "run": run,
        "suite": test.suite,
        "test": test.test,
        "image": test.image,
        "outcome": test.outcome.name(),
        "failure-id": packet.id,
        "class": packet.class.name(),
        "message": packet.message,
        "meaning": packet.meaning,
        "next": packet.next,
        "evidence": packet.evidence.iter().map(|one| json!({
            "says": one.says, "file": one.file, "line": one.line, "untrusted": one.untrusted,
        })).collect::<Vec<_>>(),
        "untrusted-output": packet.output,
        "console": packet.console.as_ref().map(|console| json!({
            "file": console.file, "line": console.line, "untrusted-lines": console.lines,
        })),
        "reproduce": packet.reproduce,
        "since": packet.since.as_ref().map(|since| json!({
            "run": since.run,
            "passed": since.passed,
            "facts": since.facts.as_ref().map(|facts| facts.iter().map(|fact| json!({
                "fact": fact.fact, "before": fact.before, "after": fact.after,
            })).collect::<Vec<_>>()),
        })),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::triage::packet::packet;
    use crate::triage::packet::tests::run;
    use muster_record::outcome::Outcome;

    #[test]
    fn what_is_written_has_its_schema() {
        let schema: Value = serde_json::from_str(TRIAGE_SCHEMA).unwrap();
        jsonschema::draft202012::meta::validate(&schema).expect("the schema is itself valid");
        let validator = jsonschema::draft202012::new(&schema).unwrap();
        let (_temporary, dir, record) = run();
        for test in record.tests.iter().filter(|test| matches!(test.outcome, Outcome::Fail | Outcome::Error)) {
            for good in [None, Some(&record)] {
                let document = document(&packet(&record, &dir, test, good), &record.id);
                let errors: Vec<String> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
                assert_eq!(errors, Vec::<String>::new());
                let mut wrong = document.clone();
                wrong["class"] = "cosmic ray".into();
                assert!(!validator.is_valid(&wrong));
            }
        }
    }
}
