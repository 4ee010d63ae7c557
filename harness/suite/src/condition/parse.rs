//! The grammar: `or` of `and` of `not` of comparisons and parentheses.

use super::super::diagnostic::{codes, did_you_mean};
use super::super::model::{Condition, Operator};
use super::super::vocabulary::Vocabulary;
use super::dimensions::DIMENSIONS;
use super::distro::distro;
use super::values::{NeverSo, never_so};

/// What is wrong with a condition and where in its text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ConditionError {
    /// The diagnostic code.
    pub code: &'static str,
    /// One sentence.
    pub message: String,
    /// Byte range in the text of the condition.
    pub range: std::ops::Range<usize>,
    /// What stands next to the caret; may be empty.
    pub label: String,
    /// More facts.
    pub notes: Vec<String>,
}

/// Longest condition, in bytes.
const LONGEST: usize = 4096;
/// Deepest nesting of parentheses and `not`.
const DEEPEST: usize = 32;

/// Parses a condition and checks every name in it. A condition with several unknown names has
/// several errors.
pub fn parse(text: &str, vocabulary: &Vocabulary<'_>) -> Result<Condition, Vec<ConditionError>> {
    let bad = |message: &str, range| {
        let notes = vec!["a condition reads like `distro >= fedora-43 and arch == x86_64`".to_owned()];
        vec![ConditionError {
            code: codes::BAD_CONDITION,
            message: message.to_owned(),
            range,
            label: String::new(),
            notes,
        }]
    };
    if text.len() > LONGEST {
        return Err(bad("the condition is longer than 4096 bytes", 0..text.len()));
    }
    let tokens = tokens(text).map_err(|at| bad("a quoted value is not closed", at..text.len()))?;
    if tokens.is_empty() {
        return Err(bad("the condition is empty", 0..text.len()));
    }
    let mut parser = Parser { text, tokens, at: 0, depth: 0, vocabulary, errors: Vec::new() };
    match parser.any() {
        Ok(condition) if parser.at == parser.tokens.len() => {
            if parser.errors.is_empty() {
                Ok(condition)
            } else {
                Err(parser.errors)
            }
        }
        Ok(_) => {
            let syntax = parser.expected("`and`, `or` or the end");
            parser.errors.push(syntax);
            Err(parser.errors)
        }
        Err(syntax) => {
            parser.errors.push(syntax);
            Err(parser.errors)
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Open,
    Close,
    Comma,
    Operator(Operator),
    Word(String),
}

/// Tokens with their byte ranges; the error is where an unclosed quote begins.
fn tokens(text: &str) -> Result<Vec<(Token, std::ops::Range<usize>)>, usize> {
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        let (token, length) = match c {
            c if c.is_whitespace() => {
                at += c.len_utf8();
                continue;
            }
            '(' => (Token::Open, 1),
            ')' => (Token::Close, 1),
            ',' => (Token::Comma, 1),
            '"' | '\'' => {
                let end = rest[1..].find(c).ok_or(at)?;
                (Token::Word(rest[1..1 + end].to_owned()), end + 2)
            }
            _ => match Operator::strip(rest) {
                Some((operator, after)) => (Token::Operator(operator), rest.len() - after.len()),
                None => {
                    let stop = |c: char| c.is_whitespace() || "(),<>\"'".contains(c);
                    let mut end = rest.find(stop).unwrap_or(rest.len());
                    // `a==b` is three tokens; a lone `=` or `!` is taken as a word and refused later.
                    for symbol in ["==", "!="] {
                        end = rest[..end].find(symbol).map_or(end, |found| if found > 0 { found } else { end });
                    }
                    (Token::Word(rest[..end].to_owned()), end)
                }
            },
        };
        out.push((token, at..at + length));
        at += length;
    }
    Ok(out)
}

struct Parser<'t, 'v> {
    text: &'t str,
    tokens: Vec<(Token, std::ops::Range<usize>)>,
    at: usize,
    depth: usize,
    vocabulary: &'v Vocabulary<'v>,
    errors: Vec<ConditionError>,
}

impl Parser<'_, '_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(token, _)| token)
    }

    fn range(&self) -> std::ops::Range<usize> {
        self.tokens.get(self.at).map_or(self.text.len()..self.text.len(), |(_, range)| range.clone())
    }

    fn keyword(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Word(found)) if found == word);
        self.at += usize::from(found);
        found
    }

    fn take(&mut self, token: &Token) -> bool {
        let found = self.peek() == Some(token);
        self.at += usize::from(found);
        found
    }

    fn expected(&self, what: &str) -> ConditionError {
        let range = self.range();
        let found = if range.is_empty() { "the end".to_owned() } else { format!("`{}`", &self.text[range.clone()]) };
        let label = match self.peek() {
            Some(Token::Word(word)) if word == "=" => "did you mean `==`?".to_owned(),
            Some(Token::Word(word)) if word == "&&" || word == "AND" => "did you mean `and`?".to_owned(),
            Some(Token::Word(word)) if word == "||" || word == "OR" => "did you mean `or`?".to_owned(),
            _ => String::new(),
        };
        ConditionError {
            code: codes::BAD_CONDITION,
            message: format!("expected {what}, found {found}"),
            range,
            label,
            notes: vec!["a condition reads like `distro >= fedora-43 and arch == x86_64`".to_owned()],
        }
    }

    fn any(&mut self) -> Result<Condition, ConditionError> {
        let mut parts = vec![self.all()?];
        while self.keyword("or") {
            parts.push(self.all()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Condition::Or(parts) })
    }

    fn all(&mut self) -> Result<Condition, ConditionError> {
        let mut parts = vec![self.one()?];
        while self.keyword("and") {
            parts.push(self.one()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Condition::And(parts) })
    }

    fn one(&mut self) -> Result<Condition, ConditionError> {
        if self.depth >= DEEPEST {
            let mut error = self.expected("less nesting");
            error.message = format!("the condition is nested more than {DEEPEST} deep");
            return Err(error);
        }
        self.depth += 1;
        let result = if self.keyword("not") {
            self.one().map(|inner| Condition::Not(Box::new(inner)))
        } else if self.take(&Token::Open) {
            self.any().and_then(|inner| if self.take(&Token::Close) { Ok(inner) } else { Err(self.expected("`)`")) })
        } else {
            self.comparison()
        };
        self.depth -= 1;
        result
    }

    fn comparison(&mut self) -> Result<Condition, ConditionError> {
        let dimension_range = self.range();
        let dimension = match self.peek() {
            Some(Token::Word(word)) if !matches!(word.as_str(), "and" | "or" | "is" | "=" | "&&" | "||") => {
                word.clone()
            }
            _ => return Err(self.expected("a dimension")),
        };
        self.at += 1;
        let known = self.dimension(&dimension, &dimension_range);
        if self.keyword("is") {
            let positive = !self.keyword("not");
            return if self.keyword("defined") {
                Ok(Condition::Defined(dimension, positive))
            } else {
                Err(self.expected("`defined` or `not defined`"))
            };
        }
        let operator_range = self.range();
        let Some(Token::Operator(operator)) = self.peek().cloned() else {
            return Err(self.expected("an operator (`==`, `!=`, `<`, `<=`, `>`, `>=`) or `is defined`"));
        };
        self.at += 1;
        let ordering = !matches!(operator, Operator::Eq | Operator::Ne);
        if ordering && known == Some(false) {
            self.errors.push(ConditionError {
                code: codes::NO_ORDER,
                message: format!("`{dimension}` has no order"),
                range: operator_range,
                label: "only `==` and `!=` here".to_owned(),
                notes: vec![format!("ordered are: {}", ordered().join(", "))],
            });
        }
        let mut values = Vec::new();
        loop {
            let range = self.range();
            let Some(Token::Word(word)) = self.peek().cloned() else { return Err(self.expected("a value")) };
            if word.is_empty() {
                return Err(self.expected("a value"));
            }
            self.at += 1;
            if known.is_some() {
                self.value(&dimension, ordering, &word, range);
            }
            values.push(word);
            if self.peek() != Some(&Token::Comma) {
                break;
            }
            if ordering {
                let mut error = self.expected("the end");
                error.message = format!("`{operator}` takes one value; lists are for `==` and `!=`");
                return Err(error);
            }
            self.at += 1;
        }
        Ok(Condition::Compare { dimension, operator, values })
    }

    /// Whether the dimension has an order; `None`, with an error, when there is no such dimension.
    fn dimension(&mut self, name: &str, range: &std::ops::Range<usize>) -> Option<bool> {
        let known = DIMENSIONS.iter().find(|(known, _, _)| *known == name).map(|(_, _, ordered)| *ordered);
        if known.is_none() {
            let names = DIMENSIONS.iter().map(|(name, _, _)| *name);
            self.errors.push(ConditionError {
                code: codes::UNKNOWN_DIMENSION,
                message: format!("`{name}` is not a dimension"),
                range: range.clone(),
                label: did_you_mean(name, names.clone())
                    .map_or(String::new(), |near| format!("did you mean `{near}`?")),
                notes: vec![format!("dimensions: {}", names.collect::<Vec<_>>().join(", "))],
            });
        }
        known
    }

    fn value(&mut self, dimension: &str, ordering: bool, word: &str, range: std::ops::Range<usize>) {
        let listed: Option<Vec<&str>> = match dimension {
            "capability" => Some(self.vocabulary.capabilities.iter().map(|(name, _)| *name).collect()),
            "tool" => Some(self.vocabulary.tools.to_vec()),
            _ => None,
        };
        let missing = listed.filter(|known| !known.contains(&word)).map(|known| NeverSo {
            code: codes::UNKNOWN_KEYWORD,
            message: format!("`{dimension}` is never `{word}`"),
            near: did_you_mean(word, known.iter().copied()).map(str::to_owned),
            note: format!("it is one of: {}", known.join(", ")),
        });
        if let Some(NeverSo { code, message, near, note }) = missing.or_else(|| never_so(dimension, word)) {
            let label = near.map_or(String::new(), |near| format!("did you mean `{near}`?"));
            self.errors.push(ConditionError { code, message, range, label, notes: vec![note] });
        } else if dimension == "distro" && ordering && distro(word, None).1.is_none() {
            self.errors.push(ConditionError {
                code: codes::BAD_CONDITION,
                message: format!("`{word}` needs a version to be compared, such as `fedora-43`"),
                range,
                label: String::new(),
                notes: Vec::new(),
            });
        }
    }
}

fn ordered() -> Vec<&'static str> {
    DIMENSIONS.iter().filter(|(_, _, ordered)| *ordered).map(|(name, _, _)| *name).collect()
}
