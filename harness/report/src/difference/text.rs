//! For people.

use super::compared::Difference;
use super::facts::FactChange;
use crate::since::{Change, ImageFile};
use crate::words;
use muster_base::text::{one_line, plural};
use muster_record::run::{RunRecord, TestRecord};

/// Tests and facts of one kind that are listed unless all are.
const LISTED: usize = 20;

/// What changed, the worst first. `all` lists every test.
pub fn text(difference: &Difference<'_>, all: bool) -> String {
    let most = if all { usize::MAX } else { LISTED };
    let mut lines = heading(difference);
    for change in Change::ALL {
        let tests = difference.tests(change);
        if tests.is_empty() {
            continue;
        }
        lines.push(String::new());
        lines.push(format!("{} test{} {}", tests.len(), plural(tests.len()), change.words()));
        if change == Change::Added && !all {
            continue;
        }
        lines.extend(tests.iter().take(most).map(|test| format!("  {}", of_test(test, change))));
        lines.extend(more(tests.len(), most));
    }
    let gone = &difference.since.gone;
    if !gone.is_empty() {
        lines.push(String::new());
        lines.push(format!("{} test{} of the first run that the second did not plan", gone.len(), plural(gone.len())));
        lines.extend(gone.iter().take(most).map(|test| format!("  {}", name(test))));
        lines.extend(more(gone.len(), most));
    }
    if !difference.slower.is_empty() {
        lines.push(String::new());
        lines.push("slower".to_owned());
        for (test, then) in difference.slower.iter().take(most) {
            let (then, now) = (words::seconds(*then), words::seconds(test.seconds));
            lines.push(format!("  {}: {then}, now {now}", name(test)));
        }
        lines.extend(more(difference.slower.len(), most));
    }
    for (image, changes) in difference.facts.iter().filter(|(_, changes)| !changes.is_empty()) {
        lines.push(String::new());
        let count = changes.len();
        lines.push(format!("{count} fact{} of {} changed", plural(count), one_line(image, 80)));
        lines.extend(changes.iter().take(most).map(|change| format!("  {}", of_fact(change))));
        lines.extend(more(count, most));
    }
    lines.join("\n") + "\n"
}

/// Which runs, and whether the images are the same files.
pub(super) fn heading(difference: &Difference<'_>) -> Vec<String> {
    let run = |run: &RunRecord| {
        format!("{} ({})", one_line(&run.id, 80), one_line(run.started.get(..19).unwrap_or(&run.started), 40))
    };
    let mut lines = vec![format!("{} -> {}", run(difference.before), run(difference.after))];
    for (image, file) in &difference.since.images {
        let file = match file {
            ImageFile::Same => "the same file",
            ImageFile::Changed => "another file",
            ImageFile::Unknown => "not known whether it is the same file",
        };
        lines.push(format!("{}: {file}", one_line(image, 80)));
    }
    for image in &difference.unknown {
        lines.push(format!("{}: its facts are not known in both runs, and were not compared", one_line(image, 80)));
    }
    if began_later(difference.before, difference.after) {
        lines.push("note: the second run began before the first; name the earlier run first".to_owned());
    }
    if difference.before.interrupted || difference.before.finished.is_none() {
        let how = if difference.before.interrupted { "was interrupted" } else { "did not end" };
        lines.push(format!("the first run {how}: of what it did not reach nothing is known"));
    }
    let worse = difference.worse.lines();
    if worse.is_empty() {
        lines.push("nothing got worse".to_owned());
    }
    lines.extend(worse);
    if difference.before.accelerator.kind != difference.after.accelerator.kind {
        lines.push("the runs had different accelerators: times were not compared".to_owned());
    }
    lines
}

/// Whether the first run began after the second. Two times that cannot be compared say nothing.
fn began_later(before: &RunRecord, after: &RunRecord) -> bool {
    let at = |run: &RunRecord| run.started.parse::<jiff::Timestamp>().ok();
    matches!((at(before), at(after)), (Some(first), Some(second)) if second < first)
}

pub(super) fn name(test: &TestRecord) -> String {
    one_line(&format!("{} [{}]", test.name(), test.image), 300)
}

fn of_test(test: &TestRecord, change: Change) -> String {
    match change {
        change if change.has_message() => {
            let (id, message) = words::headline(test);
            format!("{}: {message} ({id})", name(test))
        }
        _ => name(test),
    }
}

/// `kernel: 6.1 -> 6.2`
pub(crate) fn of_fact(FactChange { fact, before, after }: &FactChange) -> String {
    let value = |value: &Option<String>| value.as_ref().map_or("none".to_owned(), |value| one_line(value, 200));
    format!("{}: {} -> {}", one_line(fact, 120), value(before), value(after))
}

fn more(count: usize, most: usize) -> Option<String> {
    (count > most).then(|| format!("  {} more (--all lists them)", count - most))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::difference::compared::tests::two_runs;

    #[test]
    fn the_worst_comes_first_and_facts_that_changed_come_last() {
        let (before, after) = two_runs();
        let said = text(&Difference::of(&before, &after).unwrap(), false);
        let at = |part: &str| said.find(part).unwrap_or_else(|| panic!("{part}: {said}"));
        assert!(at("lab: another file") < at("1 test got worse"));
        assert!(at("1 test newly failing\n") < at("1 test fixed\n"));
        assert!(at("slower\n") < at("2 facts of lab changed\n  capabilities.tpm: none -> yes\n  kernel: "));
        assert!(!said.contains("boot-id"));
    }

    #[test]
    fn a_test_that_never_ran_before_is_not_newly_failing() {
        let (mut before, after) = two_runs();
        let failing = Difference::of(&before, &after).unwrap().tests(Change::NewlyRed)[0].clone();
        before.tests.retain(|test| test.name() != failing.name() || test.image != failing.image);
        let difference = Difference::of(&before, &after).unwrap();
        let said = text(&difference, false);
        assert!(said.contains("\n1 test that the first run did not run fails\n"), "{said}");
        assert!(said.contains("\n1 test added, and failing\n  "), "{said}");
        assert!(!said.contains("newly failing") && !said.contains("test got worse"), "{said}");
        assert_eq!(difference.exit(), muster_base::exit::Exit::Failed);
    }

    #[test]
    fn runs_in_the_wrong_order_are_noted() {
        let (before, mut after) = two_runs();
        let noted = |after: &RunRecord| {
            let said = text(&Difference::of(&before, after).unwrap(), false);
            said.contains("note: the second run began before the first")
        };
        assert!(!noted(&after), "they began at the same moment");
        after.started = "2001-01-01T00:00:00Z".into();
        assert!(noted(&after));
        after.started = "yesterday".into();
        assert!(!noted(&after), "a time that cannot be read says nothing");
    }
}
