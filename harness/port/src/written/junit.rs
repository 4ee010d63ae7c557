//! `junit.xml`: one test suite and class for each chain, one test case for each need. What is not about one need
//! (an installation, a trial, lines that were not understood) is a test case of its own. A chain that does not port, or is not
//! known to, is never a green file.
//!
//! All text is escaped first: quick-junit lets U+FFFE through and drops control characters.

use std::collections::HashMap;

use muster_base::failure::{self, FailureId};
use muster_base::text::{one_line, tail};
use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite};

use crate::answer::{Answered, Effect};
use crate::sum::{Port, PortVerdict, PortedChain};
use crate::trial::SmokeResult;
use crate::words::{self, Cause};

/// Bytes of a body at most.
const BODY: usize = 16 << 10;

/// The report.
///
/// # Errors
/// When it cannot be serialised, which is a defect of ours.
pub fn render(port: &Port) -> Result<String, quick_junit::SerializeError> {
    let mut report = Report::new("muster port");
    let mut taken = HashMap::new();
    for chain in &port.chains {
        report.add_test_suite(suite(port, chain, &mut taken));
    }
    // Nothing at all was looked at.
    if port.chains.is_empty() {
        let mut suite = TestSuite::new("port");
        suite.add_test_case(failed("port", "chains", failure::PORT_UNKNOWN, "no chain was read", Vec::new()));
        report.add_test_suite(suite);
    }
    report.to_string()
}

fn suite(port: &Port, chain: &PortedChain, taken: &mut HashMap<String, usize>) -> TestSuite {
    let class = unique(taken, one_line(&chain.chain.file, 300));
    let mut suite = TestSuite::new(class.clone());
    let mut add = |name: &str, value: &str| suite.properties.push(Property::new(name, one_line(value, 300)));
    add("target", &port.target);
    add("kind", chain.chain.kind.name());
    add("verdict", chain.verdict(port.accepts_gaps).name());
    port.from.iter().for_each(|from| add("from", from));
    let mut names = HashMap::new();
    for answered in &chain.answers {
        let name = unique(&mut names, one_line(&words::need(&answered.need), 300));
        suite.add_test_case(need(&class, name, answered));
    }
    for one in &chain.installations {
        let within = one.within.as_ref().map(|within| format!(" of {within}")).unwrap_or_default();
        let name = unique(&mut names, one_line(&format!("installation{within}"), 300));
        suite.add_test_case(match (one.problems.first(), &one.unknown) {
            (Some(first), _) => failed(&class, &name, failure::PORT_CONFLICT, first, one.problems.clone()),
            (None, Some(why)) => failed(&class, &name, failure::PORT_UNKNOWN, why, Vec::new()),
            (None, None) => passed(&class, &name),
        });
    }
    let conflicts: Vec<String> = chain
        .edited
        .iter()
        .flat_map(|file| &file.in_conflict)
        .map(|edit| format!("{}: {} → {}", edit.place, edit.from, edit.to))
        .collect();
    if let Some(first) = conflicts.first().cloned() {
        let name = unique(&mut names, "edits".to_owned());
        suite.add_test_case(failed(&class, &name, failure::PORT_NAME, &first, conflicts));
    }
    if let Some(trial) = &chain.trial {
        let name = unique(&mut names, "trial".to_owned());
        let faults: Vec<String> = trial
            .faults()
            .into_iter()
            .flat_map(|(what, lines)| std::iter::once(format!("{what}:")).chain(lines))
            .collect();
        suite.add_test_case(match (&trial.failed, faults.as_slice()) {
            (Some(why), _) => failed(&class, &name, failure::PORT_UNKNOWN, why, Vec::new()),
            (None, []) => passed(&class, &name),
            (None, [first, ..]) => failed(&class, &name, failure::PORT_TRIAL, &first.clone(), faults),
        });
    }
    if let Some(smoke) = &chain.smoke {
        let name = unique(&mut names, "smoke".to_owned());
        let body = vec![smoke.target.stdout.clone(), smoke.target.stderr.clone()];
        let message = match smoke.target.status {
            Some(status) => format!("{}: exit status {status}", smoke.command),
            None => format!("{}: {}", smoke.command, smoke.target.why),
        };
        suite.add_test_case(match smoke.result() {
            SmokeResult::Works | SmokeResult::WorksOtherwise => passed(&class, &name),
            SmokeResult::Fails => failed(&class, &name, failure::PORT_SMOKE, &message, body),
            SmokeResult::Unknown => failed(&class, &name, failure::PORT_UNKNOWN, &message, body),
        });
    }
    let gaps = &chain.chain.not_understood;
    if chain.chain.understood() < chain.chain.lines || !gaps.is_empty() {
        let name = unique(&mut names, "lines that are understood".to_owned());
        let lines: Vec<String> =
            gaps.iter().map(|gap| format!("{}  {}: {}", gap.place, gap.written, gap.why)).collect();
        let message = format!("{} of {} lines are understood", chain.chain.understood(), chain.chain.lines);
        suite.add_test_case(match port.accepts_gaps {
            true => skipped(&class, &name, &format!("{message}; accepted")),
            false => failed(&class, &name, failure::PORT_NOT_UNDERSTOOD, &message, lines),
        });
    }
    // What no test case says.
    let verdict = chain.verdict(port.accepts_gaps);
    let is_green = suite.failures == 0 && suite.errors == 0;
    if is_green && verdict != PortVerdict::AsIs {
        let name = unique(&mut names, "verdict".to_owned());
        suite.add_test_case(failed(&class, &name, failure::PORT_UNKNOWN, verdict.name(), Vec::new()));
    }
    suite
}

fn need(class: &str, name: String, answered: &Answered) -> TestCase {
    let answer = words::answer(answered);
    match Cause::of(answered) {
        Some(cause) => {
            let mut body = vec![format!("{}: {}", answered.need.place, answered.need.written)];
            body.extend(answered.evidence.iter().cloned());
            let blocking = answered.differences.iter().filter(|one| one.blocks);
            body.extend(blocking.map(|one| format!("{}: {} → {}", one.what, one.there, one.here)));
            body.extend(answered.edit.iter().map(|edit| format!("edit: {} → {}", edit.from, edit.to)));
            failed(class, &name, cause.failure_id(), &answer, body)
        }
        None if answered.effect() == Effect::Tolerated => skipped(class, &name, &answer),
        None => passed(class, &name),
    }
}

fn passed(class: &str, name: &str) -> TestCase {
    case(class, name, TestCaseStatus::success())
}

fn skipped(class: &str, name: &str, message: &str) -> TestCase {
    let mut status = TestCaseStatus::skipped();
    status.set_message(one_line(message, 500));
    case(class, name, status)
}

fn failed(class: &str, name: &str, id: FailureId, message: &str, body: Vec<String>) -> TestCase {
    let is_error = failure::row(&id).is_some_and(|row| row.class == failure::Class::Error);
    let mut status =
        TestCaseStatus::non_success(if is_error { NonSuccessKind::Error } else { NonSuccessKind::Failure });
    status.set_message(one_line(message, 500));
    status.set_type(id.as_str());
    let body: Vec<String> = body.iter().map(|line| muster_base::text::escape(line)).collect();
    status.set_description(tail(&body.join("\n"), BODY));
    case(class, name, status)
}

fn case(class: &str, name: &str, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(name, status);
    case.set_classname(class);
    case
}

/// The name, with a number behind it when it is in use already: readers drop the second of two.
fn unique(taken: &mut HashMap<String, usize>, name: String) -> String {
    let mut numbered = name.clone();
    while taken.contains_key(&numbered) {
        let number = taken.entry(name.clone()).or_insert(1);
        *number += 1;
        numbered = format!("{name}~{number}");
    }
    taken.insert(numbered.clone(), 1);
    numbered
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn each_need_is_a_test_case_and_what_is_against_it_has_its_id() {
        let port = testing::planted();
        let text = render(&port).unwrap();
        let needs = port.chains[0].answers.len();
        assert!(text.matches("<testcase ").count() > needs, "{text}");
        for id in ["port.absent", "port.name", "port.version", "port.unknown", "port.not-understood"] {
            assert!(text.contains(&format!("type=\"{id}\"")), "{id}: {text}");
        }
        assert!(text.contains("<error message=\"is not known"), "{text}");
    }

    #[test]
    fn only_a_chain_that_ports_as_it_is_is_green() {
        let green = |port: &Port| {
            let text = render(port).unwrap();
            !text.contains("<failure") && !text.contains("<error")
        };
        for port in [testing::planted(), testing::tried(), testing::hostile(), testing::good()] {
            assert_eq!(green(&port), port.verdict() == PortVerdict::AsIs, "{}", port.summary());
        }
        let none = Port { chains: Vec::new(), ..testing::good() };
        assert!(!green(&none));
    }

    #[test]
    fn many_needs_of_one_name_stay_apart_and_take_no_longer_for_it() {
        let mut port = testing::good();
        let one = port.chains[0].answers[0].clone();
        port.chains[0].answers = vec![one; 3];
        let text = render(&port).unwrap();
        assert!(text.contains("~2\"") && text.contains("~3\""), "{text}");
    }
}
