//! The shape of shell text. Ranges are bytes of the text that was parsed.

use std::ops::Range;
use std::rc::Rc;

/// Commands one after another.
#[derive(Debug, Default)]
pub(super) struct List(pub(super) Vec<AndOr>);

/// `a && b || c`
#[derive(Debug)]
pub(super) struct AndOr {
    pub(super) first: Pipeline,
    pub(super) rest: Vec<(Joint, Pipeline)>,
}

/// What stands between two pipelines of one list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Joint {
    /// `&&`
    And,
    /// `||`
    Or,
}

/// `! a | b`
#[derive(Debug)]
pub(super) struct Pipeline {
    pub(super) negated: bool,
    pub(super) commands: Vec<Command>,
}

/// A command, simple or compound, with its redirections.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) kind: Kind,
    pub(super) redirects: Vec<Redirect>,
    pub(super) range: Range<usize>,
}

/// What a command is.
#[derive(Debug)]
pub(super) enum Kind {
    Simple {
        assignments: Vec<Assignment>,
        words: Vec<Word>,
    },
    /// `{ … }` and `( … )`
    Group(List),
    /// `if … then … elif … then … else … fi`
    If {
        branches: Vec<(List, List)>,
        otherwise: Option<List>,
    },
    /// `for name in words; do … done`; without words over the arguments.
    For {
        name: String,
        words: Option<Vec<Word>>,
        body: List,
    },
    /// `while … do … done`, `until …`
    Loop {
        condition: List,
        body: List,
    },
    Case {
        word: Word,
        arms: Vec<Arm>,
    },
    Function {
        name: String,
        body: Rc<Command>,
    },
    /// `[[ … ]]`: its words, operators among them.
    Test(Vec<Word>),
    /// `(( … ))`
    Arithmetic,
}

/// `pattern | pattern) … ;;`
#[derive(Debug)]
pub(super) struct Arm {
    pub(super) patterns: Vec<Word>,
    pub(super) body: List,
}

/// `name=value`, `name+=value`, `name=(a b c)`
#[derive(Debug)]
pub(super) struct Assignment {
    pub(super) name: String,
    pub(super) appends: bool,
    pub(super) value: Assigned,
}

/// What is assigned.
#[derive(Debug)]
pub(super) enum Assigned {
    One(Word),
    Array(Vec<Word>),
}

/// `> file`, `<<EOF`
#[derive(Debug)]
pub(super) struct Redirect {
    pub(super) kind: RedirectKind,
    pub(super) target: Word,
    /// Of what a command says of its faults, `2>`: what it prints goes on.
    pub(super) errors: bool,
}

/// What a redirection does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RedirectKind {
    /// `<`
    In,
    /// `>`, `>>`, `&>`, `>|`
    Out,
    /// `<<`, by its number in [`super::parse::Parsed::heredocs`].
    Heredoc(usize),
    /// `<<<`
    String,
    /// `2>&1`, `<&3`
    Duplicate,
}

/// What stands between the line of `<<EOF` and `EOF`.
#[derive(Debug)]
pub(super) struct Heredoc {
    pub(super) body: Range<usize>,
    /// `<<-`
    pub(super) tabs: bool,
}

/// A word before it is expanded.
#[derive(Debug)]
pub(super) struct Word {
    pub(super) parts: Vec<Part>,
    pub(super) range: Range<usize>,
}

/// A piece of a word.
#[derive(Debug)]
pub(super) enum Part {
    Literal {
        text: String,
        quoted: bool,
        /// Where it stands, when it stands there as it is.
        range: Option<Range<usize>>,
    },
    Variable {
        name: String,
        quoted: bool,
        otherwise: Option<(Operator, Word)>,
    },
    /// `$( … )`, `` ` … ` ``, `<( … )`
    Output {
        list: List,
        range: Range<usize>,
        quoted: bool,
    },
    /// An expansion that is not worked out: `$((1 + 1))`, `${x%%.*}`. As it is written.
    Unknown(String),
}

/// `${name OPERATOR word}`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    /// `:-`, `-`, `:=`, `=`: the word where there is no value.
    Default,
    /// `:+`, `+`: the word where there is a value.
    Alternative,
    /// `:?`, `?`: an error where there is no value.
    Required,
}

impl Word {
    /// Its value, where nothing in it is expanded.
    pub(super) fn literal(&self) -> Option<String> {
        let mut value = String::new();
        for part in &self.parts {
            match part {
                Part::Literal { text, .. } => value.push_str(text),
                _ => return None,
            }
        }
        Some(value)
    }

    /// Its value, where nothing in it is expanded or quoted: what can be a keyword or an operator.
    pub(super) fn bare(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [Part::Literal { text, quoted: false, range: Some(_) }] => Some(text),
            _ => None,
        }
    }
}
