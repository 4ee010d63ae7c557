//! Tests become YAML: the text that the decoder reads as what was meant, whatever a guest or a foreign file called its
//! packages, files and users. A scalar is plain only when nothing else can be seen in it, and is quoted otherwise. Pure.

use muster_base::text::{escape, one_line};

use super::matcher::{check_value, has_none};
use super::model::Operator;
use super::table::{AttributeKind, CheckTable, Shorthand, Subject};

/// Characters of a key at most, as it is written: YAML reads no longer one.
const LONGEST_KEY: usize = 1000;

/// One test.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Drafted {
    /// Its name.
    pub id: String,
    /// What it checks of the image; why that matters is for the person to say.
    pub summary: String,
    /// Where what is expected comes from.
    pub links: Vec<String>,
    /// Tests that must have passed before.
    pub needs: Vec<String>,
    /// All of one check type, by subject.
    pub entries: Vec<Entry>,
}

/// What one subject must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The check type.
    pub check: &'static str,
    /// Empty for what a system has one of.
    pub subject: String,
    /// Its attributes, and what they must be.
    pub asked: Vec<(&'static str, Stated)>,
}

/// What an attribute must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stated {
    /// Just this.
    Is(String),
    /// This version or a newer one.
    AtLeast(String),
    /// This set and nothing else; of nothing, none.
    Only(Vec<String>),
    /// These, and maybe others. Never empty.
    Has(Vec<String>),
}

/// Writes a test of a suite. An entry whose check type has no table is left out.
pub fn test(out: &mut String, test: &Drafted, tables: &[&'static CheckTable]) {
    out.push_str(&format!("  - id: {}\n    summary: {}\n", scalar(&test.id), scalar(&test.summary)));
    match test.links.as_slice() {
        [] => {}
        [link] => out.push_str(&format!("    link: {}\n", scalar(link))),
        links => out.push_str(&format!("    link: {}\n", list(links))),
    }
    if !test.needs.is_empty() {
        out.push_str(&format!("    needs: {}\n", list(&test.needs)));
    }
    out.push_str("    expect:\n");
    let mut check = "";
    for entry in &test.entries {
        let Some(table) = table(entry, tables) else { continue };
        if entry.subject.is_empty() {
            out.push_str(&format!("      {}: {}\n", entry.check, value(table, entry)));
            continue;
        }
        if entry.check != check {
            out.push_str(&format!("      {}:\n", entry.check));
            check = entry.check;
        }
        out.push_str(&format!("        {}: {}\n", scalar(&entry.subject), value(table, entry)));
    }
}

fn table(entry: &Entry, tables: &[&'static CheckTable]) -> Option<&'static CheckTable> {
    tables.iter().copied().find(|table| table.name == entry.check)
}

/// Why an entry cannot be written, if it cannot. What can be is read back as what it is.
pub fn cannot_be_said(entry: &Entry, tables: &[&'static CheckTable]) -> Option<String> {
    let table = table(entry, tables)?;
    let whole = entry.subject.is_empty() && matches!(table.subject, Subject::Whole);
    let shown = scalar(&entry.subject);
    if !whole && (entry.subject.trim().is_empty() || entry.subject.contains(['\n', '\r'])) {
        return Some("its name is not one line of text".to_owned());
    }
    if entry.subject.contains('\u{fffd}') {
        return Some("its name is not UTF-8".to_owned());
    }
    if shown.chars().count() > LONGEST_KEY {
        return Some(format!("its name is longer than {LONGEST_KEY} characters"));
    }
    if let Subject::Named(grammar) = table.subject {
        match grammar.read(&entry.subject) {
            Ok(read) if read == entry.subject => {}
            Ok(read) => return Some(format!("its name is read as `{}`", one_line(&read, 80))),
            Err(refusal) => return Some(format!("its name cannot be {}: {}", grammar.what, refusal.why)),
        }
    }
    entry.asked.iter().find_map(|(attribute, want)| {
        let kind = &table.attribute(attribute)?.kind;
        let wrong = |text: &str| match check_value(kind, text) {
            Ok(()) if text.trim().is_empty() && !is_text(kind) => Some(format!("its {attribute} is empty")),
            Ok(()) if has_none(kind) && text == "none" => Some(format!("its {attribute} is the keyword `none`")),
            Ok(()) => None,
            Err(error) => Some(format!("its {attribute}: {error}")),
        };
        match want {
            Stated::Is(text) => wrong(text),
            // A comma would begin another bound.
            Stated::AtLeast(text) if text.contains(',') => Some(format!("its {attribute} has a comma")),
            Stated::AtLeast(text) => wrong(text),
            Stated::Has(items) if items.is_empty() => Some(format!("its {attribute} would say nothing")),
            Stated::Only(items) | Stated::Has(items) if items.iter().any(|item| item.trim().is_empty()) => {
                Some(format!("one of its {attribute} is empty"))
            }
            Stated::Only(items) | Stated::Has(items) => match kind {
                AttributeKind::Set(grammar) | AttributeKind::List(grammar) => {
                    items.iter().find_map(|item| match grammar.read(item) {
                        Ok(read) if read == *item => None,
                        Ok(_) => Some(format!("one of its {attribute} is read in another spelling")),
                        Err(refusal) => {
                            Some(format!("one of its {attribute} cannot be {}: {}", grammar.what, refusal.why))
                        }
                    })
                }
                _ => None,
            },
        }
    })
}

/// Kinds whose values are any text.
fn is_text(kind: &AttributeKind) -> bool {
    matches!(kind, AttributeKind::Text | AttributeKind::Loose | AttributeKind::Output)
}

/// What stands behind a subject: the shortest form that the check type has.
fn value(table: &CheckTable, entry: &Entry) -> String {
    if let [(attribute, want)] = entry.asked.as_slice() {
        match (table.shorthand, want) {
            (Shorthand::Attribute(name), want) if name == *attribute => return wanted(table, attribute, want),
            (Shorthand::Keywords(words), Stated::Is(text)) => {
                let meant = words.iter().find(|(_, name, value)| name == attribute && value == text);
                if let Some((word, _, _)) = meant {
                    return (*word).to_owned();
                }
            }
            _ => {}
        }
    }
    let attribute = |(name, want): &(&'static str, Stated)| format!("{name}: {}", wanted(table, name, want));
    format!("{{{}}}", entry.asked.iter().map(attribute).collect::<Vec<_>>().join(", "))
}

fn wanted(table: &CheckTable, attribute: &str, want: &Stated) -> String {
    let kind = table.attribute(attribute).map_or(AttributeKind::Text, |attribute| attribute.kind);
    match want {
        // A text that begins like a comparison would be read as one.
        Stated::Is(text) if is_text(&kind) && Operator::strip(text.trim_start()).is_some() => {
            format!("{{matches: {}}}", scalar(&format!("^{}$", regex::escape(text))))
        }
        Stated::Is(text) if matches!(kind, AttributeKind::Mode) => quoted(text),
        Stated::Is(text) => scalar(text),
        Stated::AtLeast(text) => scalar(&format!(">= {text}")),
        Stated::Only(items) if items.is_empty() => "none".to_owned(),
        Stated::Only(items) => format!("{{only: {}}}", list(items)),
        Stated::Has(items) => format!("{{has: {}}}", list(items)),
    }
}

/// A list on one line.
pub fn list(items: &[String]) -> String {
    format!("[{}]", items.iter().map(|item| scalar(item)).collect::<Vec<_>>().join(", "))
}

/// A text as a scalar, for every place that a scalar can stand in.
pub fn scalar(text: &str) -> String {
    if is_word(text) || is_sentence(text) { text.to_owned() } else { quoted(text) }
}

/// Whether nothing in a text has a meaning in YAML. Words such as `yes` and `1.10` have none here:
/// scalars are read from their source.
pub fn is_word(text: &str) -> bool {
    let begins = |c: char| c.is_ascii_alphanumeric() || "_/".contains(c);
    let goes_on = |c: char| c.is_ascii_alphanumeric() || "_/.+@-".contains(c);
    text.starts_with(begins) && text.chars().all(goes_on) && !text.eq_ignore_ascii_case("null")
}

/// Whether a text is such words with single spaces between them.
fn is_sentence(text: &str) -> bool {
    text.contains(' ') && text.split(' ').all(is_word)
}

/// A text in double quotes, on one line. What could be taken for a variable is not.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.replace("${", "$${").chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            ' '..='~' => out.push(c),
            // Letters of other scripts can be read; what is not printable, or turns the line around,
            // cannot.
            c if c.is_alphanumeric() && escape(c.encode_utf8(&mut [0; 4])).chars().eq([c]) => out.push(c),
            c if (c as u32) < 0x100 => out.push_str(&format!("\\x{:02x}", c as u32)),
            c if (c as u32) < 0x1_0000 => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push_str(&format!("\\U{:08x}", c as u32)),
        }
    }
    out.push('"');
    out
}
