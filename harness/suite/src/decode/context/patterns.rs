//! Regular expressions: bounded, compiled once for each text, and able to fail.

use super::Context;
use crate::diagnostic::codes;
use crate::yaml::Node;

/// Regular expressions of one file.
const MOST_PATTERNS: usize = 500;
/// Bytes of one regular expression, and of what it compiles to.
const LONGEST_PATTERN: usize = 2048;
const LARGEST_PATTERN: usize = 1 << 18;

impl Context<'_> {
    /// A regular expression within bounds that can fail to match.
    pub(crate) fn regex(&mut self, node: &Node, name: &str) -> Option<regex::Regex> {
        let text = self.text(node, name)?;
        if let Some(known) = self.compiled.get(&text.text) {
            return Some(known.clone());
        }
        self.patterns += 1;
        if self.patterns > MOST_PATTERNS {
            if self.patterns == MOST_PATTERNS + 1 {
                let message = format!("the file has more than {MOST_PATTERNS} regular expressions");
                let problem = self.problem(codes::TOO_MANY, text.span, message);
                self.report(problem.help("split it into several suites"));
            }
            return None;
        }
        let compiled = if text.text.len() > LONGEST_PATTERN {
            Err(format!("it is longer than {LONGEST_PATTERN} bytes"))
        } else {
            regex::RegexBuilder::new(&text.text)
                .size_limit(LARGEST_PATTERN)
                .dfa_size_limit(LARGEST_PATTERN)
                .nest_limit(64)
                .build()
                .map_err(|error| match error {
                    regex::Error::CompiledTooBig(_) => "it compiles to more than the limit".to_owned(),
                    // The last line of the library's picture is its sentence.
                    other => {
                        other.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
                    }
                })
        };
        let problem = match compiled {
            Ok(regex) if !matches_everything(&regex) => {
                self.compiled.insert(text.text, regex.clone());
                return Some(regex);
            }
            Ok(_) => self
                .problem(codes::BAD_REGEX, text.span, format!("`{name}`: this regular expression matches every text"))
                .note("a matcher that cannot fail asserts nothing"),
            Err(reason) => self.problem(
                codes::BAD_REGEX,
                text.span,
                format!("`{name}` is not a usable regular expression: {reason}"),
            ),
        };
        self.report(self.after_substitution(problem, &text));
        None
    }
}

/// Whether a regular expression can be expected to match every line. One that does not match the
/// empty text is fine at once; the others are checked against a text of every common character.
fn matches_everything(regex: &regex::Regex) -> bool {
    // Most patterns are plain words, which cannot match the empty text. Seeing that here is much
    // cheaper than the first search of a freshly compiled expression.
    let words = regex.as_str().strip_prefix("(?i)").unwrap_or(regex.as_str());
    if words.bytes().all(|b| b.is_ascii_alphanumeric() || b" _-./:".contains(&b)) && !words.is_empty() {
        return false;
    }
    if !regex.is_match("") {
        return false;
    }
    let every: String = (0..0x3000).filter_map(char::from_u32).filter(|c| *c != '\n').collect();
    regex.is_match(&every) && regex.is_match("\u{10fffd}")
}
