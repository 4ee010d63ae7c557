//! The file os-release, read as os-release(5) says and as a shell would read what that page allows.
//!
//! A value is quoted whole or not at all: the page has no concatenation of quoted strings. What is none of its forms (a
//! quote that is not closed, text behind the closing one) is taken as it stands, quotes included, so that a reader sees
//! what the file says.

/// The assignments in their order, unquoted. Lines that are no assignments are left out: comments, blanks, and names
/// with other characters than letters, digits and `_`.
pub fn assignments(text: &str) -> impl DoubleEndedIterator<Item = (&str, String)> {
    text.lines().filter_map(|line| {
        let (name, value) = line.trim().split_once('=')?;
        let fits = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        fits.then(|| (name, unquoted(value.trim_start())))
    })
}

/// The value of a name. Of several assignments the last counts.
pub fn value(text: &str, name: &str) -> Option<String> {
    assignments(text).rfind(|(assigned, _)| *assigned == name).map(|(_, value)| value)
}

/// A value without its quotes. Between single quotes everything is itself. Between double quotes a backslash before
/// one of `$`, a grave accent, `"` and `\` is left out, and before anything else it is itself. Without quotes
/// everything is itself.
fn unquoted(value: &str) -> String {
    let inner = match value.chars().next() {
        Some('\'') => value[1..].strip_suffix('\'').filter(|inner| !inner.contains('\'')).map(str::to_owned),
        Some('"') => between_double_quotes(&value[1..]),
        _ => None,
    };
    inner.unwrap_or_else(|| value.to_owned())
}

/// What stands before the closing quote; `None` where there is none, or where it is not the last character.
fn between_double_quotes(rest: &str) -> Option<String> {
    let mut out = String::with_capacity(rest.len());
    let mut characters = rest.chars().peekable();
    while let Some(c) = characters.next() {
        match (c, characters.peek()) {
            ('"', next) => return next.is_none().then_some(out),
            ('\\', Some('$' | '`' | '"' | '\\')) => out.extend(characters.next()),
            _ => out.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_unquoted_by_the_rules_of_a_shell() {
        for (written, read) in [
            // Unquoted: as it is.
            ("lab", "lab"),
            ("4.0", "4.0"),
            ("", ""),
            (r"a\b", r"a\b"),
            (r"\$x", r"\$x"),
            ("a#b", "a#b"),
            ("a=b", "a=b"),
            ("a\"b", "a\"b"),
            ("it's", "it's"),
            // Double quotes.
            (r#""""#, ""),
            (r#""Azure Linux""#, "Azure Linux"),
            (r#""a \"b\" \$c \`d\` \\e""#, r#"a "b" $c `d` \e"#),
            (r#""a\nb\'c\ d""#, r"a\nb\'c\ d"),
            (r#""a\\""#, r"a\"),
            (r#""a\\\"b""#, r#"a\"b"#),
            (r#""it's""#, "it's"),
            (r#"" a ""#, " a "),
            // Single quotes.
            ("''", ""),
            ("'4.0'", "4.0"),
            (r#"'a \"b\" \$c \\'"#, r#"a \"b\" \$c \\"#),
            // None of these forms.
            (r#""a"#, r#""a"#),
            (r#"a""#, r#"a""#),
            (r#"""#, r#"""#),
            ("'", "'"),
            ("'a", "'a"),
            (r#""a\""#, r#""a\""#),
            (r#""a" b"#, r#""a" b"#),
            (r#""a""b""#, r#""a""b""#),
            (r#""a"b""#, r#""a"b""#),
            ("'a'b'", "'a'b'"),
            (r"'it'\''s'", r"'it'\''s'"),
            (r#""a'"#, r#""a'"#),
            (r#"'a""#, r#"'a""#),
            // Beyond ASCII.
            ("\"Fedora é…\"", "Fedora é…"),
            ("é", "é"),
        ] {
            assert_eq!(unquoted(written), read, "{written}");
        }
    }

    #[test]
    fn lines_that_assign_are_read_and_others_are_not() {
        let text = "# ID=comment\n\nNAME=Lab\n  ID=lab  \r\n VERSION_ID= '1' \nnot an assignment\n=x\nBAD-KEY=1\nexport X=1\nID_LIKE=\n";
        let all: Vec<(&str, String)> = assignments(text).collect();
        let expected = [("NAME", "Lab"), ("ID", "lab"), ("VERSION_ID", "1"), ("ID_LIKE", "")];
        assert_eq!(all, expected.map(|(name, value)| (name, value.to_owned())));
        assert_eq!(value(text, "ID").as_deref(), Some("lab"));
        assert_eq!((value(text, "LIKE"), value(text, "BAD-KEY"), value("", "ID")), (None, None, None));
    }

    #[test]
    fn of_several_assignments_the_last_counts() {
        assert_eq!(value("ID=a\nID=\"b\"\nIDS=c\n", "ID").as_deref(), Some("b"));
    }
}
