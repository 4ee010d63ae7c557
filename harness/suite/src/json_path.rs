//! Paths into JSON documents, as `json` of a suite states them.

use super::value::ValueError;

/// One step of a JSON path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// `.name`
    Key(String),
    /// `[3]`
    Index(usize),
}

/// A path into a JSON document: `.a.b[0]`, `.["any key"]`, `.` for the whole.
pub fn steps(text: &str) -> Result<Vec<Step>, ValueError> {
    let not_one = || {
        let shown = muster_base::text::one_line(text, 64);
        ValueError::Invalid(format!("`{shown}` is not a JSON path such as `.packages[0].name` or `.[\"any key\"]`"))
    };
    if text == "." {
        return Ok(Vec::new());
    }
    if !text.starts_with(['.', '[']) || text.len() > 1024 {
        return Err(not_one());
    }
    let mut steps = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let after_dot = rest.strip_prefix('.');
        let here = after_dot.unwrap_or(rest);
        if let Some(quoted) = here.strip_prefix("[\"") {
            let (key, after) = quoted.split_once("\"]").ok_or_else(not_one)?;
            steps.push(Step::Key(key.to_owned()));
            rest = after;
        } else if let Some(bracket) = here.strip_prefix('[') {
            let (index, after) = bracket.split_once(']').ok_or_else(not_one)?;
            if index.is_empty() || !index.bytes().all(|b| b.is_ascii_digit()) {
                return Err(not_one());
            }
            steps.push(Step::Index(index.parse().map_err(|_| not_one())?));
            rest = after;
        } else {
            let name = after_dot.ok_or_else(not_one)?;
            let end = name.find(['.', '[']).unwrap_or(name.len());
            let (key, after) = name.split_at(end);
            if key.is_empty() || key.contains([' ', '"', ']']) {
                return Err(not_one());
            }
            steps.push(Step::Key(key.to_owned()));
            rest = after;
        }
    }
    Ok(steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_paths() {
        use Step::{Index, Key};
        assert_eq!(steps(".a.b[0]"), Ok(vec![Key("a".into()), Key("b".into()), Index(0)]));
        assert_eq!(steps("."), Ok(vec![]));
        assert_eq!(steps(".[\"x.y z\"].k"), Ok(vec![Key("x.y z".into()), Key("k".into())]));
        assert_eq!(steps("[2]"), Ok(vec![Index(2)]));
        for bad in ["", "a", "..a", ".a[", ".a[x]", ".a[99999999999999999999999]", ".[\"a"] {
            assert!(steps(bad).is_err(), "{bad}");
        }
    }
}
