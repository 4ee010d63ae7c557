//! The text of a suite. Whatever a guest called its packages, files and users, the decoder reads what
//! was meant: a scalar is plain only when nothing else can be seen in it, and is quoted otherwise. Pure.

use super::draft::{Drafted, Entry, Recorded, Want};
use muster_base::text::{escape, one_line};
use muster_suite::matcher::{check_value, has_none};
use muster_suite::model::Operator;
use muster_suite::table::{AttributeKind, CheckTable, Shorthand, Subject};

/// Characters of a key at most, as it is written: YAML reads no longer one.
const LONGEST_KEY: usize = 1000;
/// So many of those left out are named in the text.
const NAMED: usize = 20;

/// Where a suite comes from.
#[derive(Debug, Clone, Default)]
pub(super) struct Origin {
    /// The suite's name.
    pub(super) suite: String,
    /// The image, or the machine's address.
    pub(super) machine: String,
    /// What the system calls itself.
    pub(super) system: String,
    /// As conditions know it; may be empty.
    pub(super) distro: String,
    pub(super) arch: String,
    /// The kernel's release.
    pub(super) kernel: String,
    /// RFC 3339.
    pub(super) at: String,
    /// What was asked for, as typed.
    pub(super) of: String,
}

/// The whole text.
pub(super) fn suite(recorded: &Recorded, origin: &Origin) -> String {
    let mut out = String::new();
    for line in header(recorded, origin) {
        out.push_str(format!("# {}", one_line(&line, 240)).trim_end());
        out.push('\n');
    }
    out.push_str(&format!("schema: suite/v1\nsuite: {}\n", scalar(&origin.suite)));
    let summary = format!("what {} was when it was recorded", one_line(&origin.machine, 100));
    out.push_str(&format!("summary: {}\ntags: [recorded]\n", scalar(&summary)));
    if is_word(&origin.distro) {
        out.push_str(&format!(
            "# images: {{where: \"distro == {}\", because: it was recorded there}}\n",
            origin.distro
        ));
    }
    out.push_str("tests:\n");
    for (at, test) in recorded.tests.iter().enumerate() {
        if at > 0 {
            out.push('\n');
        }
        write_test(&mut out, test);
    }
    out
}

fn header(recorded: &Recorded, origin: &Origin) -> Vec<String> {
    let Origin { machine, system, arch, kernel, at, of, .. } = origin;
    let system = if system.is_empty() { "a system that does not say its name" } else { system };
    let mut lines = vec![
        format!("Recorded from {machine} at {at} by muster {}: --of {of}", env!("CARGO_PKG_VERSION")),
        format!("{system}, {arch}, kernel {kernel}"),
        String::new(),
        "This is what one machine was, not what an image must be. Before it gates anything: remove what may".to_owned(),
        "change, loosen what may grow (`\">= 4\"`, `{any-of: [a, b]}`), say in each summary why it matters, and"
            .to_owned(),
        "state under `images` whom it is for.".to_owned(),
    ];
    if !recorded.left_out.is_empty() {
        lines.push(String::new());
        lines.push("Left out:".to_owned());
        lines.extend(recorded.left_out.iter().take(NAMED).map(|why| format!("- {why}")));
        let more = recorded.left_out.len().saturating_sub(NAMED);
        if more > 0 {
            lines.push(format!("- and {more} more"));
        }
    }
    lines
}

fn write_test(out: &mut String, test: &Drafted) {
    out.push_str(&format!("  - id: {}\n    summary: {}\n    expect:\n", scalar(&test.id), scalar(&test.summary)));
    let mut check = "";
    for entry in &test.entries {
        let Some(table) = table(entry) else { continue };
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

fn table(entry: &Entry) -> Option<&'static CheckTable> {
    muster_check::find(entry.check).map(|check| check.table())
}

/// Why an entry cannot be written, if it cannot. What can be is read back as what it is.
pub(super) fn cannot_be_said(entry: &Entry) -> Option<String> {
    let table = table(entry)?;
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
            Ok(read) => return Some(format!("its name is read as `{}`", muster_base::text::one_line(&read, 80))),
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
            Want::Is(text) => wrong(text),
            // A comma would begin another bound.
            Want::AtLeast(text) if text.contains(',') => Some(format!("its {attribute} has a comma")),
            Want::AtLeast(text) => wrong(text),
            Want::Only(items) if items.iter().any(|item| item.trim().is_empty()) => {
                Some(format!("one of its {attribute} is empty"))
            }
            Want::Only(items) => match kind {
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
            (Shorthand::Keywords(words), Want::Is(text)) => {
                let meant = words.iter().find(|(_, name, value)| name == attribute && value == text);
                if let Some((word, _, _)) = meant {
                    return (*word).to_owned();
                }
            }
            _ => {}
        }
    }
    let attribute = |(name, want): &(&'static str, Want)| format!("{name}: {}", wanted(table, name, want));
    format!("{{{}}}", entry.asked.iter().map(attribute).collect::<Vec<_>>().join(", "))
}

fn wanted(table: &CheckTable, attribute: &str, want: &Want) -> String {
    let kind = table.attribute(attribute).map_or(AttributeKind::Text, |attribute| attribute.kind);
    match want {
        // A text that begins like a comparison would be read as one.
        Want::Is(text) if is_text(&kind) && Operator::strip(text.trim_start()).is_some() => {
            format!("{{matches: {}}}", scalar(&format!("^{}$", regex::escape(text))))
        }
        Want::Is(text) if matches!(kind, AttributeKind::Mode) => quoted(text),
        Want::Is(text) => scalar(text),
        Want::AtLeast(text) => scalar(&format!(">= {text}")),
        Want::Only(items) if items.is_empty() => "none".to_owned(),
        Want::Only(items) => {
            format!("{{only: [{}]}}", items.iter().map(|item| scalar(item)).collect::<Vec<_>>().join(", "))
        }
    }
}

/// A text as a scalar, for every place that a scalar can stand in.
pub(super) fn scalar(text: &str) -> String {
    if is_word(text) || is_sentence(text) { text.to_owned() } else { quoted(text) }
}

/// Whether nothing in a text has a meaning in YAML. Words such as `yes` and `1.10` have none here:
/// scalars are read from their source.
fn is_word(text: &str) -> bool {
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
