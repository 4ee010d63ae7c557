//! What a command writes: files, and what it prints for the next one.

use super::field::Field;
use super::lists;
use super::syntax::{Command, RedirectKind};
use super::walk::{Line, Run};

impl Run<'_, '_> {
    /// Files that a command writes. What it prints, if that is known and goes on to the next command.
    pub(super) fn redirections(&mut self, command: &Command, fields: &[Field]) -> Option<Vec<Line>> {
        let printed = self.printed(command, fields);
        let mut out = false;
        for redirect in &command.redirects {
            let target = match redirect.kind {
                RedirectKind::Heredoc(_) => continue,
                _ => self.expand_one(&redirect.target),
            };
            if redirect.kind == RedirectKind::Out {
                out |= !redirect.errors;
                if let Some(path) = target.known().filter(|path| !path.starts_with("/dev/")) {
                    self.writes(path, printed.as_deref());
                }
            }
        }
        if out { None } else { printed }
    }

    fn printed(&mut self, command: &Command, fields: &[Field]) -> Option<Vec<Line>> {
        // `$(<list)`
        if fields.is_empty() {
            return self.wanted.then(|| self.input(Some(command))).flatten();
        }
        let skip = usize::from(fields.first().is_some_and(|field| field.is("sudo")));
        let (first, rest) = fields.get(skip..)?.split_first()?;
        let name = first.known()?;
        match name {
            "echo" | "printf" => {
                let rest: Vec<&Field> = rest
                    .iter()
                    .skip_while(|field| matches!(field.text.as_str(), "-e" | "-n" | "-ne" | "-en"))
                    .collect();
                let (format, rest) = match (name, rest.as_slice()) {
                    ("printf", [format, rest @ ..]) if format.text.contains("%s") => (Some(format.text.as_str()), rest),
                    (_, rest) => (None, rest),
                };
                if let ([field], None) = (rest, format) {
                    return Some(lists::lines_of(field));
                }
                if format.is_some_and(|format| format == "%s\\n" || format == "%s\n") {
                    return Some(rest.iter().flat_map(|field| lists::lines_of(field)).collect());
                }
                let first = rest.first()?;
                let mut place = first.place.clone();
                place.end = place.start;
                let open = format.is_some_and(|format| format.trim_end_matches("\\n") != "%s")
                    || rest.iter().any(|field| field.unknown.is_some());
                let text = rest.iter().map(|field| field.text.as_str()).collect::<Vec<_>>().join(" ");
                Some(vec![Line { text, place, open }])
            }
            "cat" | "tee" => match self.heredoc_of(command) {
                Some((number, quoted)) => Some(self.heredoc(number, quoted)),
                None if name == "tee" || rest.is_empty() && self.piped.is_some() => self.piped.clone().flatten(),
                None => self.wanted.then(|| self.filtered(name, rest, command)).flatten(),
            },
            _ => self.wanted.then(|| self.filtered(name, rest, command)).flatten(),
        }
    }
}
