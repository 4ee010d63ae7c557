//! Pieces of the page. What a guest or a person said goes through [`marked`] or [`code`].

use muster_base::text::{escape, markup};

/// Text between tags or in an attribute.
pub(super) fn marked(text: &str) -> String {
    markup(&escape(text))
}

pub(super) fn code(text: &str) -> String {
    format!("<code>{}</code>", marked(text))
}

/// A table; the cells are markup already.
pub(super) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let row = |cells: String| format!("<tr>{cells}</tr>\n");
    let head = row(head.iter().map(|cell| format!("<th>{cell}</th>")).collect());
    let rows = rows.iter().map(|cells| row(cells.iter().map(|cell| format!("<td>{cell}</td>")).collect()));
    format!("<table>\n{head}{}</table>\n", rows.collect::<String>())
}
