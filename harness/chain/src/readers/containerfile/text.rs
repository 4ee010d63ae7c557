//! What the arguments of an instruction are written in: JSON arrays, words, assignments, variables.

use std::collections::BTreeMap;

/// `["a", "b"]`: values, and where they stand. A value with escapes has no place.
pub(super) fn array(text: &str, at: usize) -> Option<Vec<(String, std::ops::Range<usize>)>> {
    let bytes = text.as_bytes();
    let blank = |mut at: usize| {
        while bytes.get(at).is_some_and(u8::is_ascii_whitespace) {
            at += 1;
        }
        at
    };
    let mut values = Vec::new();
    let mut at = blank(at + 1);
    loop {
        match bytes.get(at)? {
            b']' => return Some(values),
            b'"' => {
                let start = at + 1;
                let mut value = String::new();
                let mut exact = true;
                let mut rest = text[start..].char_indices();
                let end = loop {
                    match rest.next()? {
                        (end, '"') => break start + end,
                        (_, '\\') => {
                            exact = false;
                            match rest.next()?.1 {
                                'n' => value.push('\n'),
                                't' => value.push('\t'),
                                escaped => value.push(escaped),
                            }
                        }
                        (_, c) => value.push(c),
                    }
                };
                values.push((value, if exact { start..end } else { start..start }));
                at = blank(end + 1);
                match bytes.get(at)? {
                    b',' => at = blank(at + 1),
                    b']' => {}
                    _ => return None,
                }
            }
            _ => return None,
        }
    }
}

/// Words with their places; quotes keep blanks inside.
pub(super) fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = &text[at..];
        let start = at + rest.len() - rest.trim_start().len();
        let mut quote = None;
        let end = text[start..].char_indices().find(|(_, c)| match quote {
            Some(mark) => {
                if mark == *c {
                    quote = None;
                }
                false
            }
            None => {
                if matches!(c, '"' | '\'') {
                    quote = Some(*c);
                }
                c.is_whitespace()
            }
        });
        let end = end.map_or(text.len(), |(length, _)| start + length);
        at = end;
        (end > start).then(|| (start, &text[start..end]))
    })
}

pub(super) fn unquoted(text: &str) -> &str {
    let inner = |mark: char| text.strip_prefix(mark).and_then(|text| text.strip_suffix(mark));
    inner('"').or(inner('\'')).unwrap_or(text)
}

/// `a=b c="d e"` of `ENV` and `ARG`, `a b c` of an old `ENV`, `a` of `ARG`. Values as they are written, without quotes.
pub(super) fn assignments(text: &str) -> Vec<(String, Option<String>, usize)> {
    let text = text.trim_end();
    let all: Vec<(usize, &str)> = words(text).collect();
    if let [(start, name), (value, _), ..] = all.as_slice()
        && !name.contains('=')
        && !all[1].1.contains('=')
    {
        return vec![((*name).to_owned(), Some(unquoted(&text[*value..]).to_owned()), *start)];
    }
    all.iter()
        .map(|(start, word)| match word.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.replace(['"', '\''], "").replace("\\ ", " ")), *start),
            None => ((*word).to_owned(), None, *start),
        })
        .collect()
}

/// A value with its variables replaced. `None` if one has no value.
pub(super) fn substituted(text: &str, variables: &BTreeMap<String, String>) -> Option<String> {
    let mut value = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        value.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        if let Some(inside) = after.strip_prefix('{') {
            let end = inside.find('}')?;
            let (spec, behind) = (&inside[..end], &inside[end + 1..]);
            let length = spec.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(spec.len());
            let (name, operator) = spec.split_at(length);
            let known = variables.get(name).filter(|value| !value.is_empty());
            match (operator.get(..2), known) {
                (None, _) if operator.is_empty() => value.push_str(variables.get(name)?),
                (Some(":-"), Some(known)) => value.push_str(known),
                (Some(":-"), None) => value.push_str(&operator[2..]),
                (Some(":+"), Some(_)) => value.push_str(&operator[2..]),
                (Some(":+"), None) => {}
                _ => return None,
            }
            rest = behind;
        } else {
            let length = after.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(after.len());
            if length == 0 {
                value.push('$');
            } else {
                value.push_str(variables.get(&after[..length])?);
            }
            rest = &after[length..];
        }
        if value.len() > 64 << 10 {
            return None;
        }
    }
    value.push_str(rest);
    Some(value)
}
