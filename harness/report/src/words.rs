//! How one failure is said in lines of text, the same in JUnit and on the terminal.

use std::collections::BTreeSet;

use muster_base::failure::Failure;
use muster_base::text;
use muster_record::awaited;
use muster_record::met;
use muster_record::outcome::Outcome;
use muster_record::outstanding;
use muster_record::run::{EarlierOutcome, RunRecord, TestRecord};

/// Characters of a name at most, in lines that a terminal shows.
pub(super) const NAME: usize = 120;
/// Bytes of a detail that any report shows at most.
const DETAIL_LIMIT: usize = 256 << 10;
/// Characters of a line about what was met.
const MET_LINE: usize = 640;

/// What a test that did not pass came to, in one line.
pub(super) fn headline(test: &TestRecord) -> (String, String) {
    let first = match test.outcome {
        Outcome::Skip | Outcome::NotRun | Outcome::Known => test.skipped.as_ref().or(test.failures.first()),
        _ => test.failures.first(),
    };
    match first {
        Some(failure) => (text::one_line(failure.id.as_str(), 120), text::one_line(&failure.message, 200)),
        // No room should leave it out; a report must still not look like a pass.
        None => ("internal.error".into(), format!("the test ended as {} and does not say why", test.outcome.name())),
    }
}

/// How a test that did not pass is marked: the image has another value, or nothing could be found out.
pub(super) fn mark(outcome: Outcome) -> &'static str {
    if outcome == Outcome::Fail { "FAIL" } else { "ERROR" }
}

/// `expected` and `actual`, aligned, further lines of a value below its first; tabs and trailing
/// spaces are visible, because they are often the difference.
pub(super) fn values(failure: &Failure) -> Vec<String> {
    let mut lines = Vec::new();
    for (label, value) in [("expected", &failure.expected), ("actual", &failure.actual)] {
        let Some(value) = value else { continue };
        let value = visible(value);
        let mut parts = value.lines();
        lines.push(format!("{label:<8}  {}", parts.next().unwrap_or("(empty)")));
        lines.extend(parts.map(|part| format!("{:<8}  {part}", "")));
    }
    lines
}

/// Escaped lines in which tabs and trailing spaces are seen.
pub(super) fn visible(value: &str) -> String {
    let value = text::escape(&value.replace("\r\n", "\n")).replace('\t', "\\t");
    let lines = value.lines().map(|line| match line.trim_end().len() {
        end if end < line.len() => format!("{}{}", &line[..end], "·".repeat(line.len() - end)),
        _ => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// All failures of a test, one after another, in lines.
pub(super) fn account(test: &TestRecord) -> Vec<String> {
    let mut lines = vec![headline(test).1];
    for failure in &test.failures {
        let message = text::one_line(&failure.message, 200);
        if lines[0] != message || lines.len() > 1 {
            lines.extend([String::new(), message]);
        }
        if let Some(location) = &failure.location {
            // Readers that look for a file and line in the text want a space before it.
            lines.push(format!(" {}", text::one_line(&location.to_string(), 500)));
        }
        lines.extend(values(failure));
        lines.extend(detail(failure));
    }
    lines
}

/// What a test expected and found where that was met, a line each.
pub(super) fn met(test: &TestRecord) -> Vec<String> {
    // Its maker bounds it; this is for one that did not.
    let lines = test.met.iter().take(met::MOST).map(|met| text::one_line(&met.line(), MET_LINE));
    lines.chain(met::more(test.met_left_out)).collect()
}

/// How it ended in the runs that this one goes on with: `fail in 20260301T100000Z-7`.
pub(super) fn before(test: &TestRecord) -> Option<String> {
    let one = |earlier: &EarlierOutcome| format!("{} in {}", earlier.outcome.name(), text::one_line(&earlier.run, 120));
    let all: Vec<String> = test.earlier.iter().map(one).collect();
    (!all.is_empty()).then(|| all.join(", "))
}

/// How many tests ran and how many results are those of earlier runs; none of a run of its own.
pub(super) fn kept_results(record: &RunRecord) -> Option<String> {
    let kept = || record.tests.iter().filter_map(|test| test.kept_from.as_deref());
    let runs: BTreeSet<&str> = kept().collect();
    let runs: Vec<String> = runs.into_iter().take(5).map(|run| text::one_line(run, 120)).collect();
    let count = kept().count();
    let are = if count == 1 { "is" } else { "are" };
    let own = |test: &&TestRecord| {
        test.kept_from.is_none() && test.outcome != Outcome::NotRun && !outstanding::is_unreached(test)
    };
    let ran = record.tests.iter().filter(own).count();
    let line = || format!("{ran} of them ran now; {count} {are} kept from {}", runs.join(", "));
    (count > 0).then(line)
}

/// That its result is one of an earlier run.
pub(super) fn kept(test: &TestRecord) -> Option<String> {
    let run = test.kept_from.as_ref()?;
    Some(format!("kept from {}: it did not run again", text::one_line(run, 120)))
}

/// Whether its last result of an earlier run was worse than what it is now.
pub(super) fn did_not_pass_before(test: &TestRecord) -> bool {
    let bad = |outcome| matches!(outcome, Outcome::Fail | Outcome::Error | Outcome::Flaky);
    test.earlier.iter().any(|earlier| bad(earlier.outcome))
}

/// How to enter its machine, where that was kept, and how to run it again.
pub(super) fn again(test: &TestRecord) -> Vec<String> {
    let resume = resume(test).map(|resume| format!("enter its machine: {}", text::one_line(&resume, 500)));
    resume.into_iter().chain([format!("run it again: {}", text::one_line(&test.rerun, 500))]).collect()
}

/// The command line that enters the machine as it was when the test failed, when that was kept.
pub(super) fn resume(test: &TestRecord) -> Option<String> {
    let capsule = test.capsule.as_ref()?;
    Some(format!("muster resume {}", text::shell_word(&text::one_line(capsule, 1000))))
}

/// Longer evidence, escaped, in lines; tabs become four spaces.
pub(super) fn detail(failure: &Failure) -> Vec<String> {
    let Some(detail) = &failure.detail else { return Vec::new() };
    // Its maker bounds it; this is for one that did not.
    let detail = text::escape(&text::tail(detail, DETAIL_LIMIT).replace("\r\n", "\n")).replace('\t', "    ");
    detail.trim_end().lines().map(str::to_owned).collect()
}

/// `12.3 s`, `2 min 5 s`.
pub(super) fn seconds(seconds: f64) -> String {
    match seconds {
        s if s < 99.95 => format!("{s:.1} s"),
        s => format!("{} min {} s", (s.round() as u64) / 60, (s.round() as u64) % 60),
    }
}

/// A time that is only expected: `about 80 s`, `about 3 min`.
pub(super) fn about(seconds: f64) -> String {
    match seconds.max(0.0).round() {
        s if s < 100.0 => format!("about {s} s"),
        s => format!("about {} min", (s / 60.0).round()),
    }
}

/// How long a machine may need: by what it took before, else by its deadline.
pub(super) fn expected(usual: Option<f64>, deadline_seconds: f64) -> String {
    match usual {
        Some(usual) => format!("{} last time", about(usual)),
        None => format!("at most {}", seconds(deadline_seconds)),
    }
}

/// Lines of which at most `limit` are kept, then one that counts the rest.
pub(super) fn bounded(mut lines: Vec<String>, limit: usize) -> Vec<String> {
    if lines.len() > limit {
        let rest = lines.len() - limit;
        lines.truncate(limit);
        lines.push(format!("[{rest} more lines left out]"));
    }
    lines
}

/// Lines of which at most `limit` are kept, a quarter of them from the beginning and the rest from the end, where
/// a command says why it failed; between them a line that counts what is left out.
pub(super) fn ends(mut lines: Vec<String>, limit: usize) -> Vec<String> {
    if lines.len() > limit {
        let first = limit / 4;
        let left_out = lines.len() - limit;
        lines.splice(first..first + left_out, [format!("[{left_out} lines left out]")]);
    }
    lines
}

/// How many machines there were: boots, and clones with how they were reached and how soon they
/// answered. Nothing when nothing was cloned: a boot is said when it happens.
pub(crate) fn machines(record: &RunRecord) -> Option<String> {
    let (clones, boots): (Vec<_>, Vec<_>) = record.machines.iter().partition(|machine| machine.cloned_from.is_some());
    if clones.is_empty() {
        return None;
    }
    let count = |count: usize, one: &str, many: &str| format!("{count} {}", if count == 1 { one } else { many });
    let mut text = format!("{}, {}", count(boots.len(), "boot", "boots"), count(clones.len(), "clone", "clones"));
    let mut ready: Vec<f64> = clones.iter().filter_map(|machine| machine.boot_seconds).collect();
    ready.sort_by(f64::total_cmp);
    if let Some(median) = ready.get(ready.len() / 2) {
        text.push_str(&format!(", each ready after {median:.1} s (median)"));
    }
    let by_ssh = clones.iter().filter(|machine| machine.channel.as_deref() == Some("ssh")).count();
    if by_ssh > 0 {
        text.push_str(&format!("; {by_ssh} reached by an SSH login"));
    }
    Some(text)
}

/// What machines that a run waited for at its end were last seen to do, a line for each image.
pub(crate) fn awaited(record: &RunRecord) -> Vec<String> {
    let cut_off: BTreeSet<&str> =
        record.tests.iter().filter(|test| outstanding::is_cut_off(test)).map(|test| test.image.as_str()).collect();
    let line = |image: &str| {
        let seen = awaited::sentence(&record.machines, image)?;
        Some(format!("{} had not answered when the run ended: {seen}", text::one_line(image, 120)))
    };
    cut_off.into_iter().filter_map(line).collect()
}

/// A message without where on which console its line stands: machines that end for one cause print it in lines of their own.
pub(crate) fn without_line(message: &str) -> String {
    let Some((before, after)) = message.split_once("console of ") else { return message.to_owned() };
    let place = after.split_once(": ").filter(|(place, _)| {
        let number = place.split_once(", line ").map(|(_, number)| number);
        number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
    });
    place.map_or_else(|| message.to_owned(), |(_, line)| format!("{before}{line}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_base::failure::{self, FailureId};
    use muster_record::sample;

    #[test]
    fn white_space_that_makes_the_difference_is_seen() {
        let failure = Failure {
            expected: Some("4096 131072".into()),
            actual: Some("4096\t131072  \r\nnext\x1b".into()),
            ..Failure::new(FailureId::of_check("sysctl", "value"), "m")
        };
        assert_eq!(values(&failure), ["expected  4096 131072", "actual    4096\\t131072··", "          next\\x1b"]);
        let empty = Failure { actual: Some(String::new()), ..Failure::new(failure::STEP_RUN, "m") };
        assert_eq!(values(&empty), ["actual    (empty)"]);
    }

    #[test]
    fn a_test_that_does_not_say_why_is_still_no_pass() {
        let (id, message) = headline(&sample::test("a", "b", Outcome::Fail));
        assert_eq!((id.as_str(), message.as_str()), ("internal.error", "the test ended as fail and does not say why"));
    }

    #[test]
    fn durations_read_aloud() {
        assert_eq!(seconds(0.04), "0.0 s");
        assert_eq!(seconds(12.34), "12.3 s");
        assert_eq!(seconds(125.4), "2 min 5 s");
        assert_eq!(
            (about(80.4), about(99.4), about(150.0)),
            ("about 80 s".into(), "about 99 s".into(), "about 3 min".into())
        );
        assert_eq!(expected(None, 90.0), "at most 90.0 s");
        assert_eq!(expected(Some(31.0), 90.0), "about 31 s last time");
        assert_eq!(bounded(vec!["a".into(); 5], 2), ["a", "a", "[3 more lines left out]"]);
    }

    #[test]
    fn the_end_of_an_output_is_kept_and_a_little_of_its_beginning() {
        let lines = |count: usize| (0..count).map(|number| number.to_string()).collect::<Vec<_>>();
        assert_eq!(ends(lines(9), 8), ["0", "1", "[1 lines left out]", "3", "4", "5", "6", "7", "8"]);
        assert_eq!(ends(lines(8), 8), lines(8));
        let detail = Some(format!("{}the end\x1b", "x\n".repeat(DETAIL_LIMIT)));
        let shown = detail_of(detail);
        assert!(shown[0].ends_with("bytes left out]") && shown.last().unwrap() == "the end\\x1b", "{shown:.2?}");
    }

    fn detail_of(detail: Option<String>) -> Vec<String> {
        super::detail(&Failure { detail, ..Failure::new(failure::STEP_RUN, "m") })
    }

    #[test]
    fn what_was_never_reached_did_not_run_and_what_was_waited_for_is_said() {
        use muster_record::last_seen::LastSeen;
        use muster_record::run::MachineRecord;
        let cut_off = TestRecord {
            failures: vec![Failure::new(failure::RUN_INTERRUPTED, "the run ended before this test was reached")],
            attempts: Vec::new(),
            ..sample::test("a", "b", Outcome::Error).on_no_machine()
        };
        let kept = TestRecord { kept_from: Some("r1".into()), ..sample::test("a", "c", Outcome::Pass) };
        let machine = MachineRecord {
            id: "lab-1".into(),
            image: cut_off.image.clone(),
            last_seen: Some(LastSeen::LoginRefused { user: "me".into(), times: 96 }),
            ..MachineRecord::default()
        };
        let mut record = RunRecord { tests: vec![cut_off, kept], machines: vec![machine], ..RunRecord::default() };
        assert_eq!(kept_results(&record).as_deref(), Some("0 of them ran now; 1 is kept from r1"));
        let said = "lab had not answered when the run ended: machine lab-1: sshd refuses me's key (96 tries)";
        assert_eq!(awaited(&record), [said]);
        record.machines[0].boot_seconds = Some(2.0);
        assert!(awaited(&record).is_empty());
    }

    #[test]
    fn one_line_of_two_consoles_is_one_cause() {
        let message =
            |machine: &str, line: u32| format!("no machine (x, see y): console of {machine}, line {line}: Shell: v2");
        assert_eq!(without_line(&message("zero-1", 3)), "no machine (x, see y): Shell: v2");
        assert_eq!(without_line(&message("zero-1", 3)), without_line(&message("zero-2", 4)));
        for kept in ["console of m", "console of m, line x: y", "console of m: y", "nobody answers"] {
            assert_eq!(without_line(kept), kept);
        }
    }
}
