//! How dependencies are written: `NAME SIGN VERSION`, and rich (boolean) ones as `(A if B else C)`, by rpm's grammar.
//!
//! Of a rich one, a text in parentheses holds one operator, which `and`, `or` and `with` may repeat; operands are capabilities or texts
//! in parentheses again.

use muster_base::evr::Evr;

use crate::dependency::{Dependency, Operator};

/// How deep parentheses nest at most.
const DEPTH: usize = 16;
/// How many operands there are at most in one dependency.
const OPERANDS: usize = 512;

/// A rich dependency, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Rich {
    One(Dependency),
    All(Vec<Rich>),
    Any(Vec<Rich>),
    /// `(A if B)`, `(A if B else C)`.
    If(Box<Rich>, Box<Rich>, Option<Box<Rich>>),
    /// `(A unless B)`, `(A unless B else C)`.
    Unless(Box<Rich>, Box<Rich>, Option<Box<Rich>>),
    /// One package fulfils both.
    With(Box<Rich>, Box<Rich>),
    /// One package fulfils the first and not the second.
    Without(Box<Rich>, Box<Rich>),
}

impl Rich {
    /// Hands out the capabilities that it names.
    pub(crate) fn each_name(&self, each: &mut impl FnMut(&str)) {
        match self {
            Self::One(dependency) => each(&dependency.name),
            Self::All(operands) | Self::Any(operands) => operands.iter().for_each(|operand| operand.each_name(each)),
            Self::If(first, second, third) | Self::Unless(first, second, third) => {
                first.each_name(each);
                second.each_name(each);
                third.iter().for_each(|third| third.each_name(each));
            }
            Self::With(first, second) | Self::Without(first, second) => {
                first.each_name(each);
                second.each_name(each);
            }
        }
    }
}

/// Reads a dependency in parentheses, all of it.
pub(crate) fn parse(text: &str) -> Result<Rich, &'static str> {
    let mut parser = Parser { rest: text, operands: 0 };
    let rich = parser.group(0)?;
    parser.skip();
    if parser.rest.is_empty() { Ok(rich) } else { Err("something follows the last parenthesis") }
}

/// Text that is no dependency.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is no dependency: {reason}", muster_base::text::one_line(text, 120))]
pub struct BadDependency {
    /// As it was given.
    pub text: String,
    /// Why not.
    pub reason: &'static str,
}

impl Dependency {
    /// Reads `NAME`, `NAME SIGN VERSION` (the spaces are needed, as in a spec file) or a rich dependency in
    /// parentheses, whose grammar is checked.
    pub fn parse(text: &str) -> Result<Self, BadDependency> {
        let bad = |reason| BadDependency { text: text.to_owned(), reason };
        let trimmed = text.trim();
        if trimmed.starts_with('(') {
            parse(trimmed).map_err(bad)?;
            return Ok(Self { name: trimmed.to_owned(), bound: None });
        }
        let mut words = trimmed.split_whitespace();
        let name = words.next().ok_or_else(|| bad("it is empty"))?;
        let bound = match (words.next(), words.next()) {
            (None, _) => None,
            (Some(_), None) => return Err(bad("a name is followed by a sign and a version")),
            (Some(sign), Some(version)) => {
                let sign = Operator::of_sign(sign).ok_or_else(|| bad("the sign is none of < <= = >= >"))?;
                Evr::parse(version).ok_or_else(|| bad("the version is not [epoch:]version[-release]"))?;
                Some((sign, version.to_owned()))
            }
        };
        match words.next() {
            Some(_) => Err(bad("something follows the version")),
            None => Ok(Self { name: name.to_owned(), bound }),
        }
    }

    /// Its parts, when it is a rich one.
    pub(crate) fn rich(&self) -> Option<Result<Rich, &'static str>> {
        self.name.starts_with('(').then(|| parse(&self.name))
    }
}

struct Parser<'a> {
    rest: &'a str,
    operands: usize,
}

impl<'a> Parser<'a> {
    fn skip(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn takes(&mut self, c: char) -> bool {
        self.skip();
        let rest = self.rest.strip_prefix(c);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Up to white space or a parenthesis that closes what is not opened in it: `foo(x86-64)` is one.
    fn word(&mut self) -> &'a str {
        self.skip();
        let mut depth = 0_usize;
        let end = self.rest.find(|c: char| match c {
            '(' => {
                depth += 1;
                false
            }
            ')' if depth == 0 => true,
            ')' => {
                depth -= 1;
                false
            }
            ',' => true,
            c => c.is_whitespace(),
        });
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        word
    }

    /// The word that comes next, not taken.
    fn ahead(&self) -> &'a str {
        Parser { rest: self.rest, operands: 0 }.word()
    }

    fn group(&mut self, depth: usize) -> Result<Rich, &'static str> {
        if depth >= DEPTH {
            return Err("its parentheses nest too deep");
        }
        if !self.takes('(') {
            return Err("it does not begin with a parenthesis");
        }
        let first = self.operand(depth)?;
        if self.takes(')') {
            return Ok(first);
        }
        let operator = self.word();
        let second = self.operand(depth)?;
        let rich = match operator {
            "and" | "or" | "with" => {
                let mut operands = vec![first, second];
                while !self.takes(')') {
                    if self.word() != operator {
                        return Err("operators are mixed without parentheses");
                    }
                    operands.push(self.operand(depth)?);
                }
                return Ok(match operator {
                    "and" => Rich::All(operands),
                    "or" => Rich::Any(operands),
                    _ => {
                        let mut all = operands.into_iter();
                        let first = all.next().ok_or("an operand is missing")?;
                        all.fold(first, |sum, next| Rich::With(sum.into(), next.into()))
                    }
                });
            }
            "if" => Rich::If(first.into(), second.into(), self.otherwise(depth)?),
            "unless" => Rich::Unless(first.into(), second.into(), self.otherwise(depth)?),
            "without" => Rich::Without(first.into(), second.into()),
            _ => return Err("its operator is none of and, or, if, unless, with, without"),
        };
        if self.takes(')') { Ok(rich) } else { Err("a closing parenthesis is missing") }
    }

    fn otherwise(&mut self, depth: usize) -> Result<Option<Box<Rich>>, &'static str> {
        if self.ahead() != "else" {
            return Ok(None);
        }
        self.word();
        Ok(Some(self.operand(depth)?.into()))
    }

    fn operand(&mut self, depth: usize) -> Result<Rich, &'static str> {
        self.operands += 1;
        if self.operands > OPERANDS {
            return Err("it has too many operands");
        }
        self.skip();
        if self.rest.starts_with('(') {
            return self.group(depth + 1);
        }
        let name = self.word();
        if name.is_empty() {
            return Err("an operand is missing");
        }
        let bound = match Operator::of_sign(self.ahead()) {
            None => None,
            Some(sign) => {
                self.word();
                match self.word() {
                    "" => return Err("a version is missing"),
                    version => Some((sign, version.to_owned())),
                }
            }
        };
        Ok(Rich::One(Dependency { name: name.to_owned(), bound }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dependency_is_read_as_a_spec_file_writes_it() {
        for text in ["glibc", "pkgconfig(zlib) >= 1.2", "/usr/bin/sh", "config(a) = 1:2-3", "(gcc if make)"] {
            assert_eq!(Dependency::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Dependency::parse(" a  =>  1 ").unwrap().to_string(), "a >= 1");
        for (text, reason) in [
            ("", "it is empty"),
            ("a 1", "a name is followed by a sign and a version"),
            ("a ~ 1", "the sign is none of < <= = >= >"),
            ("a = x:1", "the version is not [epoch:]version[-release]"),
            ("a = 1 b", "something follows the version"),
            ("(a if", "an operand is missing"),
        ] {
            assert_eq!(Dependency::parse(text).unwrap_err().reason, reason, "{text}");
        }
    }

    fn one(name: &str) -> Rich {
        Rich::One(Dependency::parse(name).unwrap())
    }

    #[test]
    fn every_form_of_the_grammar_is_read() {
        assert_eq!(parse("(a)").unwrap(), one("a"));
        assert_eq!(parse("(a and b and c)").unwrap(), Rich::All(vec![one("a"), one("b"), one("c")]));
        assert_eq!(
            parse("( a(x86-64) >= 1:2-3 or (b with c) )").unwrap(),
            Rich::Any(vec![one("a(x86-64) >= 1:2-3"), Rich::With(one("b").into(), one("c").into())])
        );
        assert_eq!(
            parse("(a if b else c)").unwrap(),
            Rich::If(one("a").into(), one("b").into(), Some(one("c").into()))
        );
        assert_eq!(parse("(a unless b)").unwrap(), Rich::Unless(one("a").into(), one("b").into(), None));
        assert_eq!(
            parse("(font(:lang=en) without b < 2)").unwrap(),
            Rich::Without(one("font(:lang=en)").into(), one("b < 2").into())
        );
    }

    #[test]
    fn what_is_none_is_refused_and_depth_is_bounded() {
        for (text, reason) in [
            ("a", "it does not begin with a parenthesis"),
            ("()", "an operand is missing"),
            ("(a b c)", "its operator is none of and, or, if, unless, with, without"),
            ("(a and b or c)", "operators are mixed without parentheses"),
            ("(a if b", "a closing parenthesis is missing"),
            ("(a if b if c)", "a closing parenthesis is missing"),
            ("(a >= )", "a version is missing"),
            ("(a) b", "something follows the last parenthesis"),
        ] {
            assert_eq!(parse(text).unwrap_err(), reason, "{text}");
        }
        assert_eq!(parse(&"(".repeat(100_000)).unwrap_err(), "its parentheses nest too deep");
        let wide = format!("(a{})", " or a".repeat(100_000));
        assert_eq!(parse(&wide).unwrap_err(), "it has too many operands");
    }
}
