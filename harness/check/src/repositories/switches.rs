//! Whether a file of repositories is as its package brought it, but for repositories that were switched on or off in it.

use sha2::{Digest as _, Sha256};

use muster_base::text::hex;

/// Bytes that are hashed for one file at most: some tenths of a second. Ten sections of which any two were switched need a hundredth.
const MOST: usize = 32 << 20;
/// Switches of one file at most; each is a step deeper.
const MOST_SWITCHES: usize = 200;
/// What one step costs besides its bytes.
const STEP: usize = 128;

/// Not all ways to switch the repositories of the file could be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooMany;

/// Whether the content, which lost the newlines at its end, has this SHA-256 (64 lower-case digits) as it is, or with other values of
/// `enabled`. The fewer differ, the earlier they are tried.
///
/// # Errors
/// The file is too large, or has too many switches, to try all ways.
pub(super) fn is_as_shipped(content: &str, digest: &str) -> Result<bool, TooMany> {
    let mut search = Search { parts: parts(content), digest, left: MOST };
    let switches = search.parts.iter().filter(|part| !part.others.is_empty()).count();
    if switches > MOST_SWITCHES {
        let as_it_is = Part { text: content.to_owned(), others: Vec::new() };
        search.parts = vec![as_it_is];
        return if search.from(0, Sha256::new(), 0)? { Ok(true) } else { Err(TooMany) };
    }
    for differing in 0..=switches {
        if search.from(0, Sha256::new(), differing)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A piece of the content, and what may have stood in its place.
#[derive(Debug, Default, PartialEq)]
struct Part {
    text: String,
    others: Vec<String>,
}

struct Search<'s> {
    parts: Vec<Part>,
    digest: &'s str,
    left: usize,
}

impl Search<'_> {
    /// Whether the parts from this one on complete the content, when exactly so many of them differ.
    fn from(&mut self, at: usize, before: Sha256, differing: usize) -> Result<bool, TooMany> {
        let Some(part) = self.parts.get(at) else {
            let found = differing == 0 && ["\n", "", "\n\n"].iter().any(|end| self.is_that(before.clone(), end));
            return Ok(found);
        };
        let switches = self.parts[at..].iter().filter(|part| !part.others.is_empty()).count();
        if switches < differing {
            return Ok(false);
        }
        let others = if differing > 0 { part.others.as_slice() } else { &[] };
        let choices: Vec<(Sha256, usize, usize)> = std::iter::once((&part.text, differing))
            .chain(others.iter().map(|other| (other, differing.saturating_sub(1))))
            .map(|(text, differing)| (before.clone().chain_update(text), text.len(), differing))
            .collect();
        for (hash, length, differing) in choices {
            self.left = self.left.checked_sub(length + STEP).ok_or(TooMany)?;
            if self.from(at + 1, hash, differing)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn is_that(&self, hash: Sha256, end: &str) -> bool {
        hex(hash.chain_update(end).finalize()) == self.digest
    }
}

fn parts(content: &str) -> Vec<Part> {
    let mut parts = vec![Part::default()];
    for (number, line) in content.split('\n').enumerate() {
        let newline = if number == 0 { "" } else { "\n" };
        let others: Vec<String> = others(line).iter().map(|other| format!("{newline}{other}")).collect();
        let text = format!("{newline}{line}");
        match parts.last_mut() {
            Some(last) if others.is_empty() && last.others.is_empty() => last.text.push_str(&text),
            _ => parts.push(Part { text, others }),
        }
    }
    parts
}

/// What the switch may have been, written as people and package managers write it.
fn others(line: &str) -> Vec<String> {
    let Some((key, value)) = line.split_once('=') else { return Vec::new() };
    let other = match value.trim().to_lowercase().as_str() {
        _ if key.trim_end() != "enabled" => return Vec::new(),
        "0" | "false" | "no" | "off" => "1",
        "1" | "true" | "yes" | "on" => "0",
        _ => return Vec::new(),
    };
    vec![format!("enabled={other}"), format!("enabled = {other}")]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(text: &str) -> String {
        hex(Sha256::digest(text))
    }

    /// As Rocky Linux and CentOS Stream ship theirs: each repository with its debug and source packages.
    fn shipped() -> String {
        let section = |number| {
            let on = u8::from(number % 3 == 0 && number < 9);
            format!("[r{number}]\nname=R {number}\nbaseurl=https://a.example/{number}\ngpgcheck=1\nenabled={on}\n")
        };
        (0..12).map(section).collect::<Vec<_>>().join("\n")
    }

    fn switched(numbers: &[usize]) -> String {
        let mut sections: Vec<String> = shipped().split("\n\n").map(str::to_owned).collect();
        for number in numbers {
            let section = &sections[*number];
            let other =
                if section.contains("enabled=1") { ("enabled=1", "enabled=0") } else { ("enabled=0", "enabled=1") };
            sections[*number] = section.replace(other.0, other.1);
        }
        sections.join("\n\n").trim_end().to_owned()
    }

    #[test]
    fn any_repositories_of_a_long_file_may_be_switched() {
        for numbers in [&[][..], &[0], &[6], &[11], &[9, 10], &[0, 3, 6, 9], &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]] {
            let found = is_as_shipped(&switched(numbers), &digest(&shipped()));
            // Half of twelve are more ways than are tried; that is said.
            assert_eq!(found, if numbers.len() > 4 { Err(TooMany) } else { Ok(true) }, "{numbers:?}");
        }
        assert_eq!(is_as_shipped("enabled=1", &digest("enabled = 0\n")), Ok(true));
        assert_eq!(is_as_shipped("", &digest("")), Ok(true));
        let many = "enabled=1\n".repeat(4000);
        assert_eq!(is_as_shipped(many.trim_end(), &digest(&many)), Ok(true), "as it is");
    }

    #[test]
    fn everything_else_is_a_change() {
        for other in ["[x]\nenabled=1", "[y]\nenabled=0", "[x]\nenabled=2", "[x]\nenabled=0\nenabled=1"] {
            assert_eq!(is_as_shipped(other, &digest("[x]\nenabled=0\n")), Ok(other == "[x]\nenabled=1"), "{other}");
        }
        let changed = switched(&[]).replace("a.example/7", "b.example/7");
        assert_eq!(
            is_as_shipped(&changed, &digest(&shipped())),
            Err(TooMany),
            "twelve switches have half a million ways"
        );
    }

    #[test]
    fn a_file_that_is_made_to_take_long_is_given_up() {
        for long in [
            "enabled=1\n".repeat(4000),
            format!("{}{}", "enabled=1\n".repeat(6), "# text\n".repeat(1 << 20)),
            "x".repeat(MOST),
        ] {
            let begun = std::time::Instant::now();
            assert_eq!(is_as_shipped(&long, &digest("other")), Err(TooMany));
            // A thousand times what it takes.
            assert!(begun.elapsed().as_secs() < 60);
        }
    }
}
