//! For the comment of a pull request.

use super::compared::Difference;
use super::text::{heading, name, of_fact};
use crate::since::Change;
use crate::words;
use crate::written::markdown::{LIMIT, code};

/// The text, the worst first, of at most 1,000 KiB. All that a guest said stands between backticks and holds none.
pub fn markdown(difference: &Difference<'_>) -> String {
    let mut parts = vec!["### muster: two runs compared\n".to_owned()];
    parts.extend(heading(difference).iter().map(|line| format!("- {}", code(line))));
    for change in Change::ALL.into_iter().filter(|change| *change != Change::Added) {
        let tests = difference.tests(change);
        if tests.is_empty() {
            continue;
        }
        parts.push(format!("\n#### {} {}\n", tests.len(), change.words()));
        parts.extend(tests.iter().map(|test| match change.has_message() {
            false => format!("- {}", code(&name(test))),
            true => format!("- {}: {}", code(&name(test)), code(&words::headline(test).1)),
        }));
    }
    let gone = &difference.since.gone;
    if !gone.is_empty() {
        parts.push(format!("\n#### {} of the first run that the second did not plan\n", gone.len()));
        parts.extend(gone.iter().map(|test| format!("- {}", code(&name(test)))));
    }
    for (image, changes) in difference.facts.iter().filter(|(_, changes)| !changes.is_empty()) {
        parts.push(format!("\n#### Facts of {} that changed\n", code(image)));
        parts.extend(changes.iter().map(|change| format!("- {}", code(&of_fact(change)))));
    }
    let mut out = String::new();
    for (at, part) in parts.iter().enumerate() {
        if out.len() + part.len() > LIMIT - 100 {
            out.push_str(&format!("- {} more lines\n", parts.len() - at));
            break;
        }
        out.push_str(part);
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::difference::compared::tests::two_runs;

    #[test]
    fn no_markup_of_a_guest_and_never_too_long() {
        let (before, mut after) = two_runs();
        let like = after.tests.iter().find(|test| !test.failures.is_empty()).unwrap().clone();
        for n in 0..10_000 {
            let mut test = like.clone();
            test.test = format!("t{n}`<img src=x>");
            test.failures[0].message = "`</code> @everyone ".repeat(20);
            after.tests.push(test);
        }
        let said = markdown(&Difference::of(&before, &after).unwrap());
        assert!(said.len() <= LIMIT && said.len() > LIMIT / 2, "{}", said.len());
        assert!(said.lines().all(|line| line.matches('`').count() % 2 == 0));
        assert!(said.trim_end().ends_with(" more lines"), "{}", said.lines().last().unwrap());
    }
}
