//! Options and arguments of a command.

use super::field::Field;

/// A command line taken apart.
#[derive(Debug, Default)]
pub(super) struct Arguments<'f> {
    /// Options as they are written, with their values where they have one: `--repo` and `x`, `--repo=x`, `-y`.
    pub(super) options: Vec<(&'f str, Option<&'f Field>)>,
    /// What is no option, known or not.
    pub(super) others: Vec<&'f Field>,
}

impl<'f> Arguments<'f> {
    /// Takes fields apart. `valued` are options that take the next argument; short ones may stand at the end of a group
    /// of letters.
    pub(super) fn of(fields: &'f [Field], valued: &[&str]) -> Self {
        let mut found = Self::default();
        let mut rest = fields.iter();
        while let Some(field) = rest.next() {
            match field.known() {
                Some("--") => {
                    found.others.extend(rest);
                    break;
                }
                Some(option) if option.starts_with('-') && option.len() > 1 => {
                    let letters = !option.starts_with("--");
                    let last = option.char_indices().last().map(|(at, _)| &option[at..]);
                    let takes = valued.contains(&option)
                        || letters
                            && option.len() > 2
                            && option[1..].chars().all(|c| c.is_ascii_alphabetic())
                            && last.is_some_and(|last| valued.iter().any(|one| one.strip_prefix('-') == Some(last)))
                            && !valued.iter().any(|one| one.len() == 2 && option.starts_with(one));
                    found.options.push((option, if takes { rest.next() } else { None }));
                }
                _ => found.others.push(field),
            }
        }
        found
    }

    /// Whether one of the options is there.
    pub(super) fn has(&self, options: &[&str]) -> bool {
        self.options.iter().any(|(option, _)| options.contains(option))
    }

    /// The values of an option, in any spelling: `-o x`, `-ox`, `--option x`, `--option=x`.
    pub(super) fn values(&self, names: &[&str]) -> Vec<String> {
        let mut found = Vec::new();
        for (option, value) in &self.options {
            for name in names {
                if let (true, Some(value)) = (option == name, value.and_then(Field::known)) {
                    found.push(value.to_owned());
                } else if let Some(rest) = option.strip_prefix(name).filter(|rest| !rest.is_empty()) {
                    match name.starts_with("--") {
                        true => found.extend(rest.strip_prefix('=').map(str::to_owned)),
                        false if name.len() == 2 => found.push(rest.to_owned()),
                        false => {}
                    }
                } else if let (true, Some(value)) = (ends_with_letter(option, name), value.and_then(Field::known)) {
                    found.push(value.to_owned());
                }
            }
        }
        found
    }
}

/// `-fsSLo` for `-o`
fn ends_with_letter(option: &str, name: &str) -> bool {
    !option.starts_with("--")
        && option.len() > 2
        && name.len() == 2
        && !option.starts_with(name)
        && option.ends_with(&name[1..])
}
