//! `summary.md`: a short text in Markdown, for the page of a job or a comment. GitHub refuses a summary over 1,024 KiB as
//! a whole, so this one is never larger than 1,000 KiB: the worst comes first, and what is left out is counted.

use crate::causes::{self, Cause};
use crate::format::{Report, ReportInput};
use crate::verdict;
use muster_base::text::{one_line, plural};
use muster_record::outcome::Outcome;
use muster_record::run::{RunRecord, TestRecord};

/// Bytes at most.
pub const LIMIT: usize = 1000 << 10;
/// Tests that are listed of one cause.
const LISTED: usize = 20;

/// The report.
pub(crate) struct Markdown;

impl Report for Markdown {
    fn name(&self) -> &'static str {
        "markdown"
    }

    fn file(&self) -> &'static str {
        "summary.md"
    }

    fn is_default(&self) -> bool {
        false
    }

    fn render(&self, source: ReportInput<'_>) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
        Ok(summary(source.record))
    }
}

/// The text. All that a guest said stands between backticks and holds none.
pub fn summary(record: &RunRecord) -> String {
    let mut lines = vec!["### muster".to_owned(), String::new()];
    lines.extend(verdict::of_images(record).iter().map(|verdict| format!("- {}", code(&verdict.sentence()))));
    lines.extend(verdict::unexplained(record).map(|why| format!("- the run is not a pass: {}", code(&why))));
    let causes = causes::of_failures(record);
    if !causes.is_empty() {
        let tests: usize = causes.iter().map(|cause| cause.tests.len()).sum();
        let title =
            format!("#### {tests} test{} did not pass, {} cause{}", plural(tests), causes.len(), plural(causes.len()));
        lines.extend([String::new(), title, String::new()]);
    }
    let mut out = lines.join("\n") + "\n";
    // For the line that counts what is left out.
    let room = LIMIT - 200;
    for (at, cause) in causes.iter().enumerate() {
        let text = of_cause(record, cause);
        if out.len() + text.len() > room {
            let left: usize = causes[at..].iter().map(|cause| cause.tests.len()).sum();
            out.push_str(&format!("- {} more causes, {left} tests\n", causes.len() - at));
            break;
        }
        out.push_str(&text);
    }
    let known: Vec<&TestRecord> = record.tests.iter().filter(|test| test.outcome == Outcome::Known).collect();
    if !known.is_empty() && out.len() < room {
        out.push_str(&format!("\n{} failed as documented\n", known.len()));
    }
    out
}

fn of_cause(record: &RunRecord, cause: &Cause) -> String {
    let named = |test: &TestRecord| code(&format!("{} [{}]", test.name(), test.image));
    let (first, rest) = cause.tests.split_at(1);
    let first = &record.tests[first[0]];
    let kind = first.outcome.name();
    let mut out = format!("- **{kind}** {}: {} ({})\n", named(first), code(&cause.message), code(&cause.id));
    for test in rest.iter().take(LISTED) {
        out.push_str(&format!("  - {}\n", named(&record.tests[*test])));
    }
    if rest.len() > LISTED {
        out.push_str(&format!("  - {} more\n", rest.len() - LISTED));
    }
    out
}

/// Text of a guest as code.
pub(crate) fn code(text: &str) -> String {
    format!("`{}`", one_line(text, 300).replace('`', "'"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_base::failure::{self, Failure};
    use muster_record::fold::Recorder;
    use muster_record::sample;

    #[test]
    fn a_summary_has_the_verdicts_and_what_did_not_pass_and_no_markup_of_a_guest() {
        let mut record = Recorder::fold(&sample::events());
        record.tests[1].failures[0].message = "`</code><img src=x>` @everyone\n# big".into();
        let text = summary(&record);
        assert!(text.starts_with("### muster\n\n- `FAIL lab: 2 passed, 2 failed, 1 error"), "{text}");
        assert!(
            text.contains("- **fail** `base/nginx-version [lab]`: `'</code><img src=x>' @everyone # big` ("),
            "{text}"
        );
        assert!(text.contains("- **error** `machine/health [lab-immutable]`: "), "{text}");
        assert!(text.lines().all(|line| line.matches('`').count() % 2 == 0), "{text}");
        assert!(!text.contains("not-run") && text.lines().count() < 24, "{text}");
    }

    #[test]
    fn a_summary_of_ten_thousand_causes_is_what_servers_take() {
        let tests = (0..10_000).map(|n| {
            let mut test = sample::test("base", &format!("t{n}"), Outcome::Fail);
            let name: String = n.to_string().bytes().map(|digit| char::from(digit - b'0' + b'a')).collect();
            test.failures = vec![Failure::new(failure::STEP_RUN, format!("{name} {}", "x".repeat(400)))];
            test
        });
        let record = RunRecord { tests: tests.collect(), ..RunRecord::default() };
        let text = summary(&record);
        assert!(text.len() <= LIMIT && text.len() > LIMIT / 2, "{}", text.len());
        let last = text.lines().last().unwrap();
        assert!(last.starts_with("- ") && last.ends_with(" tests") && last.contains(" more causes, "), "{last}");
    }
}
