//! Edits of a chain's files, and the files with them.

use std::collections::BTreeMap;
use std::sync::Arc;

use muster_chain::{ChainKind, Place};
use similar::TextDiff;

/// Texts of the files that were read, by the names that places have.
pub type Texts = BTreeMap<Arc<str>, Arc<str>>;

/// A replacement in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// What is replaced. Where it is empty (`start == end`) something is added.
    pub place: Place,
    /// What stands there now.
    pub from: String,
    /// What is to stand there.
    pub to: String,
}

/// The edit by which `name`, which stands somewhere in the place, becomes one or several others. `None` where it does not
/// stand there as such, or where the file's form has no room for several.
pub(crate) fn rename(kind: ChainKind, texts: &Texts, place: &Place, name: &str, to: &[String]) -> Option<Edit> {
    let kind = form_of(kind, &place.file);
    let text = texts.get(&place.file)?;
    let (start, end) = span(place)?;
    let written = text.get(start..end)?;
    let at = only_once(written, name)?;
    let replaced = |by: &str| format!("{}{by}{}", &written[..at], &written[at + name.len()..]);
    let edit = |to: String| Some(Edit { place: place.clone(), from: written.to_owned(), to });
    match to {
        [] => None,
        [one] => edit(replaced(one)),
        several => {
            let from = text[..start].rfind('\n').map_or(0, |at| at + 1);
            let till = text[end..].find('\n').map_or(text.len(), |at| end + at);
            let (before, after) = (&text[from..start], &text[end..till]);
            let names: Vec<String> = several.iter().map(|name| replaced(name)).collect();
            // The rest of the line stays behind the last one.
            let between = match stands_alone(kind, before, after) {
                true => format!("{after}\n{before}"),
                false => " ".to_owned(),
            };
            let fits = stands_alone(kind, before, after) || has_words(kind);
            fits.then(|| edit(names.join(&between)))?
        }
    }
}

/// The edit that adds a package behind another that the chain installs there.
pub(crate) fn add(kind: ChainKind, texts: &Texts, behind: &Place, name: &str) -> Option<Edit> {
    let kind = form_of(kind, &behind.file);
    let text = texts.get(&behind.file)?;
    let (start, end) = span(behind)?;
    let written = text.get(start..end)?;
    let from = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let till = text[end..].find('\n').map_or(text.len(), |at| end + at);
    let (before, after) = (&text[from..start], &text[end..till]);
    let to = if stands_alone(kind, before, after) && !after.trim().starts_with('#') {
        let quote = written.chars().next().filter(|c| matches!(c, '"' | '\''));
        let name = quote.map_or_else(|| name.to_owned(), |quote| format!("{quote}{name}{quote}"));
        format!("{after}\n{before}{name}")
    } else if has_words(kind) {
        format!(" {name}")
    } else {
        return None;
    };
    // What is added stands behind the rest of the line, so that `\` and `,` stay at the ends of both lines.
    let place = Place { file: Arc::clone(&behind.file), line: behind.line, start: end as u32, end: end as u32 };
    Some(Edit { place, from: String::new(), to })
}

/// What a file of a chain looks like: configurations have scripts next to them.
fn form_of(kind: ChainKind, file: &str) -> ChainKind {
    match kind {
        ChainKind::Mkosi if !file.ends_with(".conf") => ChainKind::Script,
        ChainKind::Azldev if !file.ends_with(".toml") => ChainKind::Kiwi,
        kind => kind,
    }
}

fn span(place: &Place) -> Option<(usize, usize)> {
    place.is_editable().then_some((place.start as usize, place.end as usize))
}

/// Where `name` stands in `text`, when it does once and is no part of a longer name.
fn only_once(text: &str, name: &str) -> Option<usize> {
    let inside = |c: char| c.is_ascii_alphanumeric() || "_+-".contains(c);
    let mut found = text
        .match_indices(name)
        .filter(|(at, _)| !text[..*at].ends_with(inside) && !text[at + name.len()..].starts_with(inside));
    let (at, _) = found.next()?;
    found.next().is_none().then_some(at)
}

/// Whether a name is the only thing that its line says, so that another one is another line.
fn stands_alone(kind: ChainKind, before: &str, after: &str) -> bool {
    let (before, after) = (before.trim(), after.trim());
    let end = after.is_empty() || after.starts_with('#');
    match kind {
        ChainKind::Containerfile | ChainKind::Script => before.is_empty() && after == "\\",
        ChainKind::List | ChainKind::Mkosi => before.is_empty() && end,
        ChainKind::Kickstart => before.is_empty() && (end || after == "\\"),
        ChainKind::Ansible | ChainKind::CloudConfig => before == "-" && end,
        ChainKind::Spec => {
            let tag = before.strip_suffix(':').unwrap_or_default();
            after.is_empty() && ["Requires", "BuildRequires", "Recommends"].contains(&tag)
        }
        ChainKind::Blueprint => before.is_empty() && (after == "," || after.is_empty()),
        ChainKind::Azldev => before == "\"" && after.starts_with("\","),
        ChainKind::Kiwi => before.starts_with("<package ") && after.ends_with("/>"),
        ChainKind::Comps => before.starts_with("<packagereq") && after == "</packagereq>",
        _ => false,
    }
}

/// Whether names stand with blanks between them on one line.
fn has_words(kind: ChainKind) -> bool {
    matches!(kind, ChainKind::Containerfile | ChainKind::Script)
}

/// A file and what it becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditedFile {
    /// As it was named.
    pub file: Arc<str>,
    /// As it was read.
    pub before: Arc<str>,
    /// With the edits.
    pub after: String,
    /// How many edits it has.
    pub edits: usize,
    /// Edits that were left out because they are about the same piece of the file as another.
    pub in_conflict: Vec<Edit>,
}

impl EditedFile {
    /// The edit as a unified diff with three lines of context, as `patch -p1` and `git apply` take it.
    pub fn diff(&self) -> String {
        let name = self.file.trim_start_matches("./").trim_start_matches('/');
        TextDiff::from_lines(&*self.before, &self.after)
            .unified_diff()
            .context_radius(3)
            .header(&format!("a/{name}"), &format!("b/{name}"))
            .to_string()
    }
}

/// The files of some edits with these edits, in the order of their names.
pub fn apply<'e>(edits: impl IntoIterator<Item = &'e Edit>, texts: &Texts) -> Vec<EditedFile> {
    let mut by_file: BTreeMap<Arc<str>, Vec<&Edit>> = BTreeMap::new();
    for edit in edits {
        by_file.entry(Arc::clone(&edit.place.file)).or_default().push(edit);
    }
    let edited = by_file.into_iter().filter_map(|(file, mut edits)| {
        let before = texts.get(&file)?;
        edits.sort_by(|one, other| {
            (one.place.start, one.place.end, &one.to).cmp(&(other.place.start, other.place.end, &other.to))
        });
        // One name may be needed for several reasons.
        edits.dedup_by(|one, other| {
            (one.place.start, one.place.end) == (other.place.start, other.place.end) && one.to == other.to
        });
        let (mut after, mut at, mut count, mut in_conflict) = (String::with_capacity(before.len()), 0, 0, Vec::new());
        for edit in edits {
            let (start, end) = (edit.place.start as usize, edit.place.end as usize);
            if start < at || before.get(start..end) != Some(edit.from.as_str()) {
                in_conflict.push(edit.clone());
                continue;
            }
            after.push_str(&before[at..start]);
            after.push_str(&edit.to);
            at = end;
            count += 1;
        }
        after.push_str(&before[at..]);
        Some(EditedFile { file, before: Arc::clone(before), after, edits: count, in_conflict })
    });
    edited.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Texts {
        Texts::from([(Arc::from("x/F"), Arc::from(text))])
    }

    fn place(text: &str, token: &str) -> Place {
        let start = text.find(token).expect("the token");
        let line = text[..start].matches('\n').count() as u32 + 1;
        Place { file: Arc::from("x/F"), line, start: start as u32, end: (start + token.len()) as u32 }
    }

    fn renamed(kind: ChainKind, text: &str, token: &str, name: &str, to: &[&str]) -> Option<String> {
        let to: Vec<String> = to.iter().map(|name| (*name).to_owned()).collect();
        let edit = rename(kind, &texts(text), &place(text, token), name, &to)?;
        Some(apply([&edit], &texts(text)).remove(0).after)
    }

    #[test]
    fn a_name_becomes_another_and_what_stands_around_it_stays() {
        let kind = ChainKind::Containerfile;
        let one = renamed(kind, "RUN dnf install -y a old.x86_64 b\n", "old.x86_64", "old", &["new"]);
        assert_eq!(one.as_deref(), Some("RUN dnf install -y a new.x86_64 b\n"));
        let two = renamed(kind, "RUN dnf install -y a old b\n", "old", "old", &["x", "y"]);
        assert_eq!(two.as_deref(), Some("RUN dnf install -y a x y b\n"));
        let lines = renamed(kind, "RUN dnf install -y \\\n      old \\\n      b\n", "old", "old", &["x", "y"]);
        assert_eq!(lines.as_deref(), Some("RUN dnf install -y \\\n      x \\\n      y \\\n      b\n"));
        let quoted = renamed(ChainKind::Ansible, "    - \"old\"\n", "\"old\"", "old", &["x", "y"]);
        assert_eq!(quoted.as_deref(), Some("    - \"x\"\n    - \"y\"\n"));
        let kiwi = renamed(ChainKind::Kiwi, "  <package name=\"old\"/>\n", "old", "old", &["x", "y"]);
        assert_eq!(kiwi.as_deref(), Some("  <package name=\"x\"/>\n  <package name=\"y\"/>\n"));
    }

    #[test]
    fn where_the_form_has_no_room_nothing_is_proposed() {
        assert_eq!(renamed(ChainKind::Ansible, "  name: old\n", "old", "old", &["x", "y"]), None);
        assert_eq!(renamed(ChainKind::Ansible, "  name: old\n", "old", "old", &["x"]).as_deref(), Some("  name: x\n"));
        // Not the name as such, or twice.
        assert_eq!(renamed(ChainKind::List, "old-libs\n", "old-libs", "old", &["x"]), None);
        assert_eq!(renamed(ChainKind::List, "old old\n", "old old", "old", &["x"]), None);
    }

    #[test]
    fn a_package_is_added_in_the_form_of_its_neighbours() {
        for (kind, text, after) in [
            (ChainKind::Containerfile, "RUN dnf install -y <a> && b\n", "RUN dnf install -y a which && b\n"),
            (
                ChainKind::Containerfile,
                "RUN dnf install \\\n  <a> \\\n && b\n",
                "RUN dnf install \\\n  a \\\n  which \\\n && b\n",
            ),
            (ChainKind::Containerfile, "RUN dnf install \\\n  <a>\n", "RUN dnf install \\\n  a which\n"),
            (ChainKind::List, "<a>\nb\n", "a\nwhich\nb\n"),
            (ChainKind::Kickstart, "%packages\n<a>\n%end\n", "%packages\na\nwhich\n%end\n"),
            (ChainKind::CloudConfig, "packages:\n  - <'a'>\n", "packages:\n  - 'a'\n  - 'which'\n"),
        ] {
            let (start, end) = (text.find('<').unwrap() as u32, text.find('>').unwrap() as u32 - 1);
            let text = text.replace(['<', '>'], "");
            let place = Place { file: Arc::from("x/F"), line: 1, start, end };
            let Some(edit) = add(kind, &texts(&text), &place, "which") else { panic!("{text}") };
            assert_eq!(apply([&edit], &texts(&text)).remove(0).after, after, "{kind:?}");
        }
        let text = "  name: a\n";
        assert_eq!(add(ChainKind::Ansible, &texts(text), &place(text, "a\n"), "which"), None);
    }

    #[test]
    fn edits_of_several_files_are_one_diff_each_and_conflicts_are_kept() {
        let text = "one\ntwo\nthree\n";
        let edit = |token: &str, to: &str| Edit { place: place(text, token), from: token.into(), to: to.into() };
        let (first, second, same) = (edit("one", "1"), edit("three", "3"), edit("one", "1"));
        let files = apply([&second, &first, &same], &texts(text));
        assert_eq!((files.len(), files[0].edits, files[0].in_conflict.len()), (1, 2, 0));
        assert_eq!(files[0].diff(), "--- a/x/F\n+++ b/x/F\n@@ -1,3 +1,3 @@\n-one\n+1\n two\n-three\n+3\n");
        // What is added behind a name that becomes several.
        let lines = "RUN dnf install \\\n  old \\\n && x\n";
        let kind = ChainKind::Containerfile;
        let parts = ["a".to_owned(), "b".to_owned()];
        let split = rename(kind, &texts(lines), &place(lines, "old"), "old", &parts).unwrap();
        let behind = add(kind, &texts(lines), &place(lines, "old"), "which").unwrap();
        let files = apply([&behind, &split], &texts(lines));
        assert_eq!(files[0].after, "RUN dnf install \\\n  a \\\n  b \\\n  which \\\n && x\n");
        let other = edit("one", "uno");
        let files = apply([&first, &other], &texts(text));
        assert_eq!((files[0].edits, files[0].in_conflict.as_slice()), (1, [other].as_slice()));
    }
}
