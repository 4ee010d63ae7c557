//! `junit-strict.xml`: the same report without what the schema of Jenkins' xunit plugin does not have.

use quick_junit::{Report, TestCaseStatus, TestRerun};

use super::report;
use crate::format::ReportInput;

/// The same for readers that validate: nothing in it but what the schema of Jenkins' xunit plugin (`junit-10.xsd`) has.
/// No place in a suite's file, no tags and links, no time stamps of tests.
pub(crate) struct Strict;

impl crate::format::Report for Strict {
    fn name(&self) -> &'static str {
        "junit-strict"
    }

    fn file(&self) -> &'static str {
        "junit-strict.xml"
    }

    fn is_default(&self) -> bool {
        false
    }

    fn render(&self, source: ReportInput<'_>) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
        Ok(strict(report(source.record, Some((source.dir, source.base))))?)
    }
}

/// Of an earlier attempt the schema has no time.
fn untimed(attempts: &mut [TestRerun]) {
    for attempt in attempts {
        attempt.time = None;
    }
}

/// A report without what the schema does not know.
pub(super) fn strict(mut report: Report) -> Result<String, quick_junit::SerializeError> {
    for suite in &mut report.test_suites {
        suite.extra.retain(|key, _| matches!(key.as_str(), "hostname" | "timestamp" | "file"));
        for case in &mut suite.test_cases {
            case.extra.clear();
            case.properties.clear();
            case.assertions = None;
            match &mut case.status {
                TestCaseStatus::Success { flaky_runs } => untimed(flaky_runs),
                TestCaseStatus::NonSuccess { reruns, .. } => untimed(&mut reruns.runs),
                TestCaseStatus::Skipped { .. } => {}
            }
        }
    }
    let text = report.to_string()?;
    // Of the root, which has no text of anybody's in it but its name.
    let end = text.find("<testsuite ").unwrap_or(text.len());
    let (root, rest) = text.split_at(end);
    let Some((before, after)) = root.split_once(" skipped=\"") else { return Ok(text) };
    let after = after.split_once('"').map_or("", |(_, after)| after);
    Ok(format!("{before}{after}{rest}"))
}
