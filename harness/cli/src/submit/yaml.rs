//! YAML of values that are known: blocks, and every text in quotes, so that nothing is read as a number, a truth or a key that was
//! meant as text (`no`, `1e3`, `a: b`).

use serde_json::Value;

/// Several documents in one text.
pub(super) fn documents<'v>(values: impl IntoIterator<Item = &'v Value>) -> String {
    values.into_iter().map(|value| format!("---\n{}", document(value))).collect()
}

/// One document, in the order of its keys.
fn document(value: &Value) -> String {
    let mut text = String::new();
    block(value, 0, &mut text);
    text
}

/// The lines of a value. What stands alone on a line is ended by it.
fn block(value: &Value, indent: usize, text: &mut String) {
    match value {
        Value::Object(entries) if !entries.is_empty() => {
            for (key, value) in entries {
                text.extend(std::iter::repeat_n(' ', indent));
                text.push_str(&format!("{}:", key_of(key)));
                below(value, indent + 2, text);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                text.extend(std::iter::repeat_n(' ', indent));
                text.push('-');
                match item {
                    Value::Object(entries) if !entries.is_empty() => {
                        // Its first key stands behind the dash, the others below that.
                        let mut lines = String::new();
                        block(item, indent + 2, &mut lines);
                        text.push(' ');
                        text.push_str(lines.trim_start_matches(' '));
                    }
                    _ => below(item, indent + 2, text),
                }
            }
        }
        other => {
            text.push_str(&other.to_string());
            text.push('\n');
        }
    }
}

/// What follows a key or a dash: on the same line, or on those below.
fn below(value: &Value, indent: usize, text: &mut String) {
    let is_block = match value {
        Value::Object(entries) => !entries.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    };
    text.push(if is_block { '\n' } else { ' ' });
    block(value, indent, text);
}

/// A key without quotes where it cannot be anything else: a letter first, and then what no indicator of YAML is.
fn key_of(key: &str) -> String {
    let plain = key.starts_with(|first: char| first.is_ascii_alphabetic())
        && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/'))
        && !["true", "false", "yes", "no", "on", "off", "null", "y", "n"].contains(&key.to_ascii_lowercase().as_str());
    if plain { key.to_owned() } else { Value::from(key).to_string() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use muster_suite::diagnostic::Diagnostics;
    use muster_suite::yaml::{self, Node, NodeKind};

    /// What a reader of YAML makes of it; texts and numbers are both texts there.
    fn read(node: &Node) -> Value {
        match &node.kind {
            NodeKind::Scalar { text, .. } => text.clone().into(),
            NodeKind::Sequence(items) => items.iter().map(read).collect(),
            NodeKind::Mapping(entries) => Value::Object(
                entries.iter().map(|(key, value)| (key.scalar().unwrap().to_owned(), read(value))).collect(),
            ),
        }
    }

    #[test]
    fn what_is_written_is_read_as_it_was() {
        let value = json!({
            "a": "no", "b/c.d": ["x: y", "# z", "- 1", "", "it's \"so\"", "two\nlines", "é\u{7f}"],
            "no": {"deep": [{"first": "1", "second": ["1e3"]}, {"only": {"more": "~"}}], "nested": [["a"], ["b", "c"]]},
            "-x": "null", "none": {}, "nothing": [],
        });
        let text = document(&value);
        let mut sink = Diagnostics::new();
        let tree = yaml::parse(&"written".into(), &text, yaml::Limits::default(), &mut sink);
        assert_eq!(sink.render(false), "", "{text}");
        assert_eq!(read(&tree.unwrap()), value, "{text}");
        assert_eq!(document(&json!({"a": 1, "b": true})), "a: 1\nb: true\n");
        assert_eq!(documents([&json!({"a": 1}), &json!({"b": "x"})]), "---\na: 1\n---\nb: \"x\"\n");
    }
}
