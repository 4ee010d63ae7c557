//! The files of dnf, dnf5 and tdnf: sections of options, read as libdnf's IniParser does
//! (libdnf5/utils/iniparser.cpp; libdnf's is the same).

use crate::unreadable::{Read, Unreadable};

/// A section: its name, and its options in the order of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) name: String,
    pub(super) options: Vec<(String, String)>,
}

/// The sections of a file; of one that is there twice the second goes on with the first. The lines of a
/// value are joined by spaces.
///
/// # Errors
/// What a line has that dnf refuses, for which it refuses the whole file.
pub(super) fn sections(text: &str) -> Read<Vec<Section>> {
    let mut sections: Vec<Section> = Vec::new();
    let mut at: Option<usize> = None;
    // Whether the line before it was an option or went on with one.
    let mut open = false;
    for (number, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let refuse = |what: &str| Err(Unreadable::new(format!("line {}: {what}", number + 1)));
        if line.is_empty() || line.starts_with(['#', ';']) {
            open = false;
            continue;
        }
        let trimmed = line.trim_matches([' ', '\t', '\r']);
        if trimmed.is_empty() {
            continue;
        }
        let indented = line.starts_with([' ', '\t', '\r']);
        if let Some(rest) = trimmed.strip_prefix('[') {
            let Some(end) = section_end(rest) else { return refuse("a `[` without its `]`") };
            let (name, after) = (&rest[..end], rest[end + 1..].trim_matches([' ', '\t', '\r']));
            if name.is_empty() {
                return refuse("a section without a name");
            }
            if !after.is_empty() && !after.starts_with(['#', ';']) {
                return refuse("text behind the name of a section");
            }
            open = false;
            at = sections.iter().position(|section| section.name == name).or_else(|| {
                sections.push(Section { name: name.to_owned(), options: Vec::new() });
                Some(sections.len() - 1)
            });
            continue;
        }
        let Some(section) = at.map(|at| &mut sections[at]) else { return refuse("an option before any section") };
        if indented {
            let Some((_, value)) = section.options.last_mut().filter(|_| open) else {
                return refuse("an indented line that continues nothing");
            };
            if !value.is_empty() {
                value.push(' ');
            }
            value.push_str(trimmed);
            continue;
        }
        let Some((key, value)) = line.split_once('=') else { return refuse("neither a section nor an option") };
        let key = key.trim_end_matches([' ', '\t']);
        if key.is_empty() {
            return refuse("an option without a name");
        }
        section.options.push((key.to_owned(), value.trim_matches([' ', '\t', '\r']).to_owned()));
        open = true;
    }
    for (_, value) in sections.iter_mut().flat_map(|section| &mut section.options) {
        let inner = ['"', '\''].iter().find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote));
        if let Some(inner) = inner.map(str::to_owned) {
            *value = inner;
        }
    }
    Ok(sections)
}

/// Where the name of a section ends: at the first `]` that does not close a set of a pattern.
fn section_end(text: &str) -> Option<usize> {
    let mut in_set = false;
    for (at, c) in text.char_indices() {
        match c {
            ']' if !in_set => return Some(at),
            ']' => in_set = false,
            '[' => in_set = true,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        let each = |section: &Section| {
            let options = section.options.iter().map(|(key, value)| format!("{key}={value}"));
            format!("[{}] {}", section.name, options.collect::<Vec<_>>().join(" | "))
        };
        sections(text).unwrap().iter().map(each).collect()
    }

    #[test]
    fn sections_values_and_what_goes_on_with_them() {
        let text = "# c\n[a]\nname = x  \nbaseurl=https://a\n  https://b\n\n; c\nq=\"in quotes\"\nempty =\n[[dx]*]  # c\nk=a=b\n[a]\nname=y\n";
        assert_eq!(
            shown(text),
            ["[a] name=x | baseurl=https://a https://b | q=in quotes | empty= | name=y", "[[dx]*] k=a=b"]
        );
        assert_eq!(shown(""), Vec::<String>::new());
    }

    #[test]
    fn what_dnf_refuses_is_an_error_with_its_line() {
        for (text, what) in [
            ("[broken\nname=x\n", "line 1: a `[` without"),
            ("x=1\n", "line 1: an option before"),
            ("[a]\nnothing\n", "line 2: neither"),
            ("[a]\n\n  b\n", "line 3: an indented"),
            ("[a] b\n", "line 1: text behind"),
            ("[]\n", "line 1: a section without"),
            ("[a]\n=b\n", "line 2: an option without"),
        ] {
            let error = sections(text).unwrap_err();
            assert!(error.to_string().starts_with(what), "{text:?}: {error}");
        }
    }
}
