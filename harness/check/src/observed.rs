//! What was observed of an attribute, as the guest says it.

/// What was observed of one attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A scalar in its source text (sizes and durations with units), or output.
    Text(String),
    /// A version of a package of dpkg: ordered by dpkg's rule, whatever the attribute's kind.
    Dpkg(String),
    /// A set or a list.
    Items(Vec<String>),
    /// There is no value, for this reason: `not installed`. Only `none` matches it.
    Absent(String),
    /// The subject itself is not there: `not installed`. Only `absent` matches it, or `obsoletes: none`
    /// would pass for a misspelt package.
    Gone(String),
    /// Several instances of the subject; each must match.
    Each(Vec<Value>),
}

impl Value {
    /// A scalar.
    pub fn text(text: impl Into<String>) -> Self {
        Value::Text(text.into())
    }

    /// `true` or `false`.
    pub fn flag(flag: bool) -> Self {
        Value::Text(flag.to_string())
    }

    /// A set or a list.
    pub fn items<T: Into<String>>(items: impl IntoIterator<Item = T>) -> Self {
        Value::Items(items.into_iter().map(Into::into).collect())
    }

    /// No value, and why.
    pub fn absent(why: impl Into<String>) -> Self {
        Value::Absent(why.into())
    }

    /// No subject, and why.
    pub fn gone(why: impl Into<String>) -> Self {
        Value::Gone(why.into())
    }

    /// The text, or no value when it is empty.
    pub fn text_or(text: &str, why: &str) -> Self {
        if text.is_empty() { Value::absent(why) } else { Value::text(text) }
    }

    /// Several instances; equal ones count once, and one alone is itself.
    pub fn each(values: impl IntoIterator<Item = Value>) -> Self {
        let mut distinct: Vec<Value> = Vec::new();
        for value in values {
            if !distinct.contains(&value) {
                distinct.push(value);
            }
        }
        match distinct.len() {
            0 => Value::absent("nothing"),
            1 => distinct.remove(0),
            _ => Value::Each(distinct),
        }
    }
}
