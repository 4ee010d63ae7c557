//! Variables in scalars: `${name}`.

use super::Context;
use crate::diagnostic::{Span, codes};

/// Bytes that substitutions may produce in one scalar, and in one file.
const LONGEST_SCALAR: usize = 64 << 10;
const LONGEST_FILE: usize = 4 << 20;

impl Context<'_> {
    /// Puts variables in: `${name}`; `$${` is a literal `${`. Nothing put in is looked at again.
    pub(super) fn substitute(&mut self, text: &str, span: Span, quoted: bool) -> Option<(String, bool)> {
        if !text.contains("${") {
            return Some((text.to_owned(), false));
        }
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        let mut fine = true;
        while let Some(at) = rest.find("${") {
            let (before, from) = rest.split_at(at);
            if let Some(escaped) = before.strip_suffix('$') {
                out.push_str(escaped);
                out.push_str("${");
                rest = &from[2..];
                continue;
            }
            out.push_str(before);
            let begin = text.len() - from.len();
            let Some(end) = from.find('}') else {
                let here = within(span, text, quoted, begin..begin + 2);
                let problem = self
                    .problem(codes::BAD_SUBSTITUTION, here, "a `${` is not closed by `}`")
                    .help("write `$${` for a literal `${`");
                self.report(problem);
                return None;
            };
            let name = &from[2..end];
            rest = &from[end + 1..];
            match self.vars.get(name) {
                Some(value) => {
                    self.substituted += value.len();
                    if out.len() + value.len() > LONGEST_SCALAR || self.substituted > LONGEST_FILE {
                        let problem =
                            self.problem(codes::TOO_MANY, span, "substitutions make more text than the limit");
                        self.report(problem.note("64 KiB a scalar, 4 MiB a file"));
                        return None;
                    }
                    out.push_str(value);
                }
                None if self.broken_vars.contains(name) => {
                    // What is wrong was said where the name is defined; what lacks it is not complete.
                    self.reported += 1;
                    fine = false;
                }
                None => {
                    self.unknown_var(name, within(span, text, quoted, begin..begin + end + 1));
                    fine = false;
                }
            }
        }
        out.push_str(rest);
        fine.then_some((out, true))
    }

    fn unknown_var(&mut self, name: &str, span: Span) {
        let shown = muster_base::text::one_line(name, 60);
        let problem = if is_var(name.strip_prefix("matrix.").unwrap_or(name)) {
            let mut problem = self.problem(codes::UNKNOWN_VAR, span, format!("there is no variable `{shown}`"));
            let vars = std::mem::take(&mut self.vars);
            if let Some(near) = self.near(name, vars.keys().map(String::as_str)) {
                problem = problem.label(format!("did you mean `${{{near}}}`?"));
            }
            self.vars = vars;
            // More than these do not fit on the line.
            let known: Vec<&str> = self.vars.keys().map(String::as_str).take(150).collect();
            match known.is_empty() {
                true if name.starts_with("matrix.") => {
                    problem.note("values of a matrix are known in tests, by the names of its dimensions")
                }
                true => problem.note("the suite has no `vars`"),
                false => problem.note(format!("vars: {}", muster_base::text::one_line(&known.join(", "), 300))),
            }
        } else {
            self.problem(codes::BAD_SUBSTITUTION, span, format!("`${{{shown}}}` does not hold the name of a variable"))
        };
        self.report(problem.help(format!("write `$${{{shown}}}` when the shell is meant to see `${{{shown}}}`")));
    }
}

/// The place of a part of a scalar; the whole scalar when escapes or folding moved its text away from
/// the file's.
pub(crate) fn within(span: Span, text: &str, quoted: bool, range: std::ops::Range<usize>) -> Span {
    let quotes = u32::from(quoted);
    if (span.end - span.start) as usize != text.len() + 2 * quotes as usize {
        return span;
    }
    let before = text.get(..range.start).map_or(0, |before| before.chars().count() as u32);
    Span {
        start: span.start + quotes + range.start as u32,
        end: span.start + quotes + range.end as u32,
        line: span.line,
        column: span.column + quotes + before,
    }
}

/// `[a-z][a-z0-9_-]*`, at most 100.
pub(crate) fn is_var(text: &str) -> bool {
    text.len() <= 100
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b))
}
