//! Plain columns, for lists that a person reads and `grep` filters.

use muster_base::text::one_line;

/// The longest cell, in characters.
const CELL_LIMIT: usize = 200;

/// Rows below a header, each column as wide as its widest cell, two spaces between, no space at a
/// line's end. Cells are escaped and one line each. A short row is filled up; of a long one
/// the cells beyond the header are kept.
pub fn columns(header: &[&str], rows: &[Vec<String>]) -> String {
    let head = header.iter().map(|cell| (*cell).to_owned()).collect();
    let lines: Vec<Vec<String>> = std::iter::once(head)
        .chain(rows.iter().map(|row| row.iter().map(|cell| one_line(cell, CELL_LIMIT)).collect()))
        .collect();
    let count = lines.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..count)
        .map(|column| {
            lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    let mut out = String::new();
    for line in &lines {
        let padded: Vec<String> = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        out.push_str(padded.join("  ").trim_end());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_hostile_cells_stay_in_their_line() {
        let rows = vec![
            vec!["lab".into(), "qcow2".into(), "12 MiB".into()],
            vec!["a\nb\x1b[31m".into(), "é".into()],
            vec!["x".into(), String::new(), "y".into(), "extra".into()],
        ];
        assert_eq!(
            columns(&["image", "format", "size"], &rows),
            "image        format  size\n\
             lab          qcow2   12 MiB\n\
             a b\\x1b[31m  é\n\
             x                    y       extra\n"
        );
    }
}
