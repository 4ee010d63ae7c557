//! Comparison operators of conditions and matchers.

use std::fmt;

/// A comparison operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `==`
    Eq,
    /// `!=`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
}

impl Operator {
    /// All of them.
    pub const ALL: &'static [Operator] =
        &[Operator::Eq, Operator::Ne, Operator::Lt, Operator::Le, Operator::Gt, Operator::Ge];

    /// As written.
    pub fn symbol(self) -> &'static str {
        match self {
            Operator::Eq => "==",
            Operator::Ne => "!=",
            Operator::Lt => "<",
            Operator::Le => "<=",
            Operator::Gt => ">",
            Operator::Ge => ">=",
        }
    }

    /// The operator at the beginning of a text, and the rest.
    pub fn strip(text: &str) -> Option<(Operator, &str)> {
        // Longer symbols first: `<=` begins with `<`.
        [Operator::Eq, Operator::Ne, Operator::Le, Operator::Ge, Operator::Lt, Operator::Gt]
            .into_iter()
            .find_map(|operator| text.strip_prefix(operator.symbol()).map(|rest| (operator, rest)))
    }

    /// Whether an ordering satisfies the operator.
    pub fn holds(self, order: std::cmp::Ordering) -> bool {
        match self {
            Operator::Eq => order.is_eq(),
            Operator::Ne => order.is_ne(),
            Operator::Lt => order.is_lt(),
            Operator::Le => order.is_le(),
            Operator::Gt => order.is_gt(),
            Operator::Ge => order.is_ge(),
        }
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.symbol())
    }
}
