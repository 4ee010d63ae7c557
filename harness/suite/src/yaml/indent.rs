//! Whether a line that the parser could not read is only indented wrongly, and by how much the lines are that it belongs
//! to. The parser says which sign it did not find; a person moved a line by a space.

/// What begins in a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Begins {
    /// The `-` of an item of a list.
    Item,
    /// A key.
    Key,
}

/// A line that begins where nothing above it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slip {
    pub(super) begins: Begins,
    /// The line's number from 1, and its spaces.
    pub(super) line: usize,
    pub(super) indent: usize,
    /// A line above it that it most likely stands next to, and the column of what begins there.
    pub(super) above: usize,
    pub(super) expected: usize,
    /// Another column that is as near.
    pub(super) or: Option<usize>,
}

struct Open {
    begins: Begins,
    column: usize,
    line: usize,
}

/// The slip of line `number` (from 1), when there is one. What is in brackets, and in text of several lines, has no
/// columns that count.
pub(super) fn slip(text: &str, number: usize) -> Option<Slip> {
    let mut open: Vec<Open> = Vec::new();
    let mut block: Option<usize> = None;
    // The column of a key that has no value yet: what it holds begins where it likes.
    let mut opens: Option<usize> = None;
    let mut brackets: i64 = 0;
    for (at, line) in text.lines().enumerate().take(number) {
        let line_number = at + 1;
        let content = line.trim_start_matches(' ');
        let indent = line.len() - content.len();
        if content.is_empty() || content.starts_with('#') || content == "---" {
            continue;
        }
        if block.is_some_and(|around| indent > around) {
            continue;
        }
        block = None;
        let inside = brackets > 0;
        brackets += content
            .bytes()
            .map(|byte| i64::from(b"[{".contains(&byte)) - i64::from(b"]}".contains(&byte)))
            .sum::<i64>();
        if inside {
            if line_number == number {
                return None;
            }
            continue;
        }
        let begins = if content == "-" || content.starts_with("- ") { Begins::Item } else { Begins::Key };
        if line_number == number {
            let inside = match (opens, begins) {
                (Some(column), Begins::Key) => indent > column,
                (Some(column), Begins::Item) => indent >= column,
                (None, _) => false,
            };
            return if inside { None } else { found(&open, begins, line_number, indent, content) };
        }
        open.retain(|open| {
            open.column < indent || (open.column == indent && (open.begins == begins || begins == Begins::Item))
        });
        let mut column = indent;
        let mut rest = content;
        while let Some(after) = rest.strip_prefix("- ") {
            enter(&mut open, Begins::Item, column, line_number);
            let spaces = after.len() - after.trim_start_matches(' ').len();
            column += 2 + spaces;
            rest = &after[spaces..];
        }
        let rest = rest.split(" #").next().unwrap_or(rest);
        if key_of(rest).is_some() {
            enter(&mut open, Begins::Key, column, line_number);
        }
        let value = rest.split_once(": ").map_or("", |(_, value)| value.trim());
        let is_open =
            rest.trim_end() == "-" || rest.trim_end().ends_with(':') || value.starts_with('&') && !value.contains(' ');
        opens = is_open.then_some(column);
        let end = rest.rsplit([' ', ':']).next().unwrap_or_default();
        if matches!(end, "|" | ">" | "|-" | ">-" | "|+" | ">+") {
            block = open.last().map(|open| open.column);
        }
    }
    None
}

fn enter(open: &mut Vec<Open>, begins: Begins, column: usize, line: usize) {
    open.retain(|known| !(known.column == column && known.begins == begins));
    open.push(Open { begins, column, line });
}

fn found(open: &[Open], begins: Begins, line: usize, indent: usize, content: &str) -> Option<Slip> {
    if begins == Begins::Key && key_of(content).is_none() {
        return None;
    }
    let alike: Vec<&Open> = open.iter().filter(|open| open.begins == begins).collect();
    let distance = |open: &&&Open| open.column.abs_diff(indent);
    let near = alike.iter().min_by_key(distance).filter(|near| near.column != indent)?;
    let is_other = |open: &&&Open| distance(open) == distance(&near) && open.column != near.column;
    let or = alike.iter().find(is_other).map(|open| open.column);
    Some(Slip { begins, line, indent, above: near.line, expected: near.column, or })
}

/// The key of `key: value`, where it looks like one of the language.
fn key_of(content: &str) -> Option<&str> {
    let content = content.trim_end();
    let key = content.strip_suffix(':').or_else(|| content.split_once(": ").map(|(key, _)| key))?;
    (!key.is_empty() && !key.contains([' ', '{', '[', ','])).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "schema: suite/v1
suite: a
tests:
  - id: x
    summary: |
      more: here
       and here
    steps:
    - run: a
    expect:
      kernel: {taint: 0,
        x: 1}
  - id: y
    expect:
      kernel: {taint: 0}
";

    /// Line `number` with other spaces before it.
    fn moved(number: usize, spaces: usize) -> String {
        let mut lines: Vec<String> = GOOD.lines().map(str::to_owned).collect();
        lines[number - 1] = format!("{}{}", " ".repeat(spaces), lines[number - 1].trim_start());
        lines.join("\n")
    }

    #[test]
    fn no_line_of_a_good_file_is_one() {
        for number in 1..=GOOD.lines().count() {
            assert_eq!(slip(GOOD, number), None, "line {number}");
        }
    }

    #[test]
    fn a_line_that_was_moved_is_compared_with_those_it_belongs_to() {
        for (number, spaces, begins, above, expected, or) in [
            (10, 3, Begins::Key, 8, 4, None),
            (10, 5, Begins::Key, 8, 4, Some(6)),
            (10, 2, Begins::Key, 3, 0, Some(4)),
            (13, 3, Begins::Item, 4, 2, None),
            (13, 1, Begins::Item, 4, 2, None),
            (13, 0, Begins::Item, 4, 2, None),
            (14, 3, Begins::Key, 13, 4, None),
        ] {
            let wanted = Slip { begins, line: number, indent: spaces, above, expected, or };
            assert_eq!(slip(&moved(number, spaces), number), Some(wanted));
        }
    }
}
