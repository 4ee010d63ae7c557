//! Names that a person typed and that do not exist: one way to say so, wherever they were typed.

use super::error::CliError;
use super::wording::one_of;
use muster_base::text::one_line;
use muster_suite::diagnostic::did_you_mean;

/// How many names are suggested.
const NEAR: usize = 3;
/// How many names are listed when none is near.
const LISTED: usize = 40;

/// The complaint about a name that does not exist: with those that were most likely meant, else with all that there are, or
/// with the command that lists them (`all`) when there are many.
pub(crate) fn unknown<'k>(what: &str, name: &str, known: impl IntoIterator<Item = &'k str>, all: &str) -> CliError {
    let known: Vec<&str> = known.into_iter().collect();
    let near = near(name, &known);
    let every = match (all.is_empty(), known.len()) {
        (_, 0) => "there are none".to_owned(),
        (true, 1..=LISTED) => format!("there are: {}", known.join(", ")),
        (true, number) => format!("there are {number}, among them: {}", known[..LISTED].join(", ")),
        (false, _) => format!("`{all}` lists them"),
    };
    CliError::invalid(format!("there is no {what} called `{}`", one_line(name, 80))).hint(match near.is_empty() {
        true => every,
        false => format!("did you mean {}? {every}", either(&near)),
    })
}

/// The names that were most likely meant, nearest first.
pub(crate) fn near<'k>(name: &str, known: &[&'k str]) -> Vec<&'k str> {
    let mut out: Vec<&str> = Vec::new();
    while out.len() < NEAR {
        let others = known.iter().copied().filter(|name| !out.contains(name));
        match did_you_mean(name, others) {
            Some(near) => out.push(near),
            None => break,
        }
    }
    // A part of a name is no misspelling of it, and says as well what was meant.
    let contain = known.iter().copied().filter(|known| name.len() > 3 && known.contains(name) && !out.contains(known));
    let left = NEAR - out.len();
    let contain: Vec<&str> = contain.take(left).collect();
    out.extend(contain);
    out
}

/// `` `a`, `b` or `c` ``, each on one line.
fn either(names: &[&str]) -> String {
    let lines: Vec<String> = names.iter().map(|name| one_line(name, 120)).collect();
    one_of(&lines.iter().map(String::as_str).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_come_first_and_all_names_when_there_are_few() {
        let hint =
            |name: &str, known: &[&str], all: &str| unknown("id", name, known.iter().copied(), all).hint.unwrap();
        let ids = ["boot.timeout", "boot.failed", "ssh.timeout", "ssh.lost"];
        assert_eq!(
            hint("boot.tiemout", &ids, "muster failures"),
            "did you mean `boot.timeout`? `muster failures` lists them"
        );
        assert_eq!(hint("timeout", &ids, "x"), "did you mean `boot.timeout` or `ssh.timeout`? `x` lists them");
        assert_eq!(hint("zzz", &ids[..2], ""), "there are: boot.timeout, boot.failed");
        assert_eq!(hint("zzz", &[], ""), "there are none");
        assert_eq!(near("lab-tin", &["lab", "lab-tiny", "lab-tina", "lab-tin2", "lab-ti"]).len(), NEAR);
        let what = unknown("id", "a\u{1b}[31m", [], "").what;
        assert!(!what.contains('\u{1b}'), "{what:?}");
    }
}
