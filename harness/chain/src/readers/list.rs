//! Names of packages, one a line or several; requirements; what `rpm -qa` prints.

use std::collections::HashSet;
use std::sync::Arc;

use crate::chain::ChainKind;
use crate::need::{Need, Verb, Want};
use crate::place::Place;
use crate::reader::{ReadError, Reader, Reading, Source};
use crate::spelling;
use crate::why::Why;

/// The reader.
pub(crate) struct List;

impl Reader for List {
    fn kind(&self) -> ChainKind {
        ChainKind::List
    }

    fn fits(&self, source: &Source<'_>) -> bool {
        // Lists of other things, that have the same suffix.
        let name = source.path.file_name().unwrap_or_default().to_ascii_lowercase();
        let other =
            ["requirements", "constraints", "cmakelists", "license", "licence", "readme", "notice", "changelog"];
        matches!(source.path.extension(), Some("txt" | "list" | "lst" | "pkgs" | "packages"))
            && !other.iter().any(|other| name.starts_with(other))
    }

    fn read(&self, source: &Source<'_>, into: &mut Reading) -> Result<(), ReadError> {
        let text = source.text()?;
        let mark = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        let installed = is_installed(&text[mark..]);
        let mut list = Names { file: Arc::clone(into.file()), into, seen: HashSet::new(), installed };
        let mut start = 0;
        for (number, line) in (1u32..).zip(text.split_inclusive('\n')) {
            let mark = if start == 0 { mark } else { 0 };
            let said = line.find(" #").map_or(line, |comment| &line[..comment]);
            if crate::shell::says_something(&said[mark.min(said.len())..]) {
                list.into.line();
                list.line(number, start + mark, &said[mark..]);
            }
            start += line.len();
        }
        Ok(())
    }
}

/// Whether it is what `rpm -qa` prints: most of its lines have version, release and architecture.
fn is_installed(text: &str) -> bool {
    let said = || text.lines().filter(|line| crate::shell::says_something(line));
    let whole = said().filter(|line| {
        let line = line.trim();
        line.starts_with("gpg-pubkey") || spelling::nevra(line).is_some_and(|(_, _, arch)| arch.is_some())
    });
    let whole = whole.count();
    whole > 4 && whole * 10 > said().count() * 9
}

struct Names<'r> {
    file: Arc<str>,
    into: &'r mut Reading,
    /// What was named before: a list says the same however often it says it.
    seen: HashSet<Want>,
    installed: bool,
}

impl Names<'_> {
    fn line(&mut self, number: u32, start: usize, line: &str) {
        let place = |range: std::ops::Range<usize>| Place {
            file: Arc::clone(&self.file),
            line: number,
            start: (start + range.start) as u32,
            end: (start + range.end) as u32,
        };
        let bare = line.trim();
        let begin = line.len() - line.trim_start().len();
        // A key of a repository is in the database of rpm, and no package.
        if bare.starts_with("gpg-pubkey") {
            return;
        }
        let mut found: Vec<(Result<Want, Why>, Place, &str)> = Vec::new();
        if self.installed
            && let Some((name, _, arch)) = spelling::nevra(bare)
        {
            // The version and the architecture are those of a system that has it. Another one has its own; a 32-bit
            // library on a 64-bit system is there on purpose.
            let arch = arch.filter(|arch| matches!(*arch, "i686" | "i586" | "i386"));
            let want = Want::Package { name: name.to_owned(), version: None, arch: arch.map(str::to_owned) };
            found.push((Ok(want), place(begin..begin + bare.len()), bare));
        } else if bare.starts_with('(')
            || bare.starts_with('@')
            || spelling::related(bare).is_some_and(|(name, ..)| !name.contains(char::is_whitespace))
        {
            // A rich requirement, a group with blanks in its name, a name with a version.
            found.push((spelling::package(bare), place(begin..begin + bare.len()), bare));
        } else {
            for (at, word) in words(line) {
                found.push((spelling::package(word), place(at..at + word.len()), word));
            }
        }
        for (want, place, written) in found {
            match want {
                Ok(want) if self.seen.insert(want.clone()) => self.into.need(Need {
                    want,
                    verb: Verb::Install,
                    optional: false,
                    place,
                    written: written.to_owned(),
                    within: None,
                }),
                Ok(_) => {}
                Err(why) => {
                    let place = Place { end: place.start, ..place };
                    self.into.not_understood(place, bare, why);
                }
            }
        }
    }
}

/// Words between blanks and commas.
fn words(line: &str) -> impl Iterator<Item = (usize, &str)> {
    line.split(|c: char| c.is_whitespace() || c == ',')
        .map(move |word| (word.as_ptr() as usize - line.as_ptr() as usize, word))
        .filter(|(_, word)| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::FakeHost;
    use camino::Utf8Path;
    use muster_base::Relation;

    fn read(text: &str) -> crate::Chain {
        let source = Source { path: Utf8Path::new("names.txt"), bytes: text.as_bytes(), host: &FakeHost::default() };
        crate::read(&source, Some(ChainKind::List)).unwrap()
    }

    fn names(text: &str) -> Vec<String> {
        let name = |need: Need| match need.want {
            Want::Package { name, .. } => name,
            other => format!("{other:?}"),
        };
        read(text).needs.into_iter().map(name).collect()
    }

    #[test]
    fn names_stand_one_a_line_or_several() {
        let text = "\u{feff}git\r\n# tools\n  vim-enhanced  curl,jq\r\n\ngit # again\nglibc.i686\n";
        assert_eq!(names(text), ["git", "vim-enhanced", "curl", "jq", "glibc"]);
        let chain = read(text);
        assert_eq!((chain.lines, chain.not_understood.len()), (4, 0));
        for need in &chain.needs {
            assert_eq!(&text[need.place.start as usize..need.place.end as usize], need.written);
        }
    }

    #[test]
    fn a_requirement_has_its_version() {
        let chain = read("openssl >= 3.0\nzlib = 1.3\n(a or b)\nperl(JSON)\n-x\nfoo ~ bar\n");
        let version = Some((Relation::AtLeast, "3.0".to_owned()));
        assert_eq!(chain.needs[0].want, Want::Package { name: "openssl".to_owned(), version, arch: None });
        assert_eq!(chain.needs[2].want, Want::Capability("(a or b)".to_owned()));
        assert_eq!(chain.needs[3].want, Want::Capability("perl(JSON)".to_owned()));
        let lines: Vec<u32> = chain.not_understood.iter().map(|one| one.place.line).collect();
        assert_eq!((chain.lines, lines), (6, vec![5, 6]));
    }

    #[test]
    fn an_installed_system_is_a_list_of_names() {
        let text = "bash-5.2.37-1.fc43.x86_64\nglibc-2.42-4.fc43.x86_64\nglibc-2.42-4.fc43.i686\n\
                    gpg-pubkey-31645531-66b6dccf\nvim-data-2:9.1-1.fc43.noarch\ntzdata-2025b-1.fc43.noarch\n";
        assert_eq!(names(text), ["bash", "glibc", "glibc", "vim-data", "tzdata"]);
        assert_eq!(read(text).lines, 6);
        // One pinned name is one.
        let version = Some((Relation::Equal, "1.26.1-1.fc43".to_owned()));
        let pinned = Want::Package { name: "nginx".to_owned(), version, arch: Some("x86_64".to_owned()) };
        assert_eq!(read("git\nnginx-1.26.1-1.fc43.x86_64\n").needs[1].want, pinned);
    }
}
