//! Names like a name, among a hundred thousand.

use std::collections::HashMap;

use crate::texts::{Text, Texts};

/// How far a slip of the pen reaches: insertions, deletions, changes and swaps of neighbours.
const SLIPS: usize = 2;
/// A part that more names than this have says nothing (`libs`, `devel`, `python3`).
const COMMON: usize = 2000;

/// Names, prepared.
#[derive(Debug)]
pub(crate) struct Near {
    /// By length in bytes: the name, and which pairs of neighbouring bytes it has, as bits of a small hash.
    by_length: Vec<Vec<(u64, Text)>>,
    /// By a part of the name, in lower case.
    by_part: HashMap<String, Vec<Text>>,
}

impl Near {
    pub(crate) fn new(texts: &Texts, names: Vec<Text>) -> Self {
        let mut by_length: Vec<Vec<(u64, Text)>> = Vec::new();
        let mut by_part: HashMap<String, Vec<Text>> = HashMap::new();
        for name in names {
            let plain = plain(texts.get(name));
            let length = plain.len().min(255);
            if by_length.len() <= length {
                by_length.resize_with(length + 1, Vec::new);
            }
            by_length[length].push((pairs(&plain), name));
            for part in parts(texts.get(name)) {
                by_part.entry(part).or_default().push(name);
            }
        }
        Self { by_length, by_part }
    }

    pub(crate) fn find<'t>(&self, texts: &'t Texts, name: &str, max: usize) -> Vec<&'t str> {
        // What no package is called costs no search.
        if name.is_empty() || name.len() > 255 {
            return Vec::new();
        }
        let wanted = plain(name);
        let slips = SLIPS.min(wanted.len() / 3);
        let mut found: HashMap<Text, usize> = HashMap::new();
        let mut keep = |text: Text, cost: usize| {
            let least = found.entry(text).or_insert(cost);
            *least = cost.min(*least);
        };
        let bits = pairs(&wanted);
        let lengths = wanted.len().saturating_sub(slips)..=wanted.len() + slips;
        for (mask, text) in self.by_length.iter().take(lengths.end() + 1).skip(*lengths.start()).flatten() {
            // A slip changes at most three pairs in one and three in the other.
            if (mask ^ bits).count_ones() as usize <= 6 * slips {
                let distance = strsim::osa_distance(&wanted, &plain(texts.get(*text)));
                if distance <= slips {
                    keep(*text, distance * 10);
                }
            }
        }
        let mut mine = parts(name);
        mine.sort_by_key(|part| self.by_part.get(part).map_or(0, Vec::len));
        for part in &mine {
            let Some(having) = self.by_part.get(part).filter(|having| having.len() <= COMMON) else { continue };
            for text in having {
                let theirs = parts(texts.get(*text));
                let missing = mine.iter().filter(|part| !theirs.contains(part)).count();
                let more = theirs.iter().filter(|part| !mine.contains(part)).count();
                if missing < mine.len().max(2) && missing + more <= 3 {
                    keep(*text, 12 + missing * 12 + more * 5);
                }
            }
        }
        let mut found: Vec<(usize, &str)> =
            found.into_iter().map(|(text, cost)| (cost, texts.get(text))).filter(|(_, other)| *other != name).collect();
        found.sort_by(|(cost, one), (other_cost, other)| {
            cost.cmp(other_cost).then(one.len().cmp(&other.len())).then(one.cmp(other))
        });
        found.truncate(max);
        found.into_iter().map(|(_, name)| name).collect()
    }
}

/// Lower case, without separators.
fn plain(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '-' | '_' | '.' | '+')).flat_map(char::to_lowercase).collect()
}

/// The pairs of neighbouring bytes, each a bit.
fn pairs(plain: &str) -> u64 {
    plain.as_bytes().windows(2).fold(0, |bits, pair| {
        let hash = (u32::from(pair[0]) * 31 + u32::from(pair[1])).wrapping_mul(0x9e37_79b1) >> 26;
        bits | 1 << hash
    })
}

/// What separators and the border between letters and digits divide, in lower case, with `lib` in front taken off and
/// the ways to say that a package is for developers made one.
fn parts(name: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    for piece in name.split(['-', '_', '.', '+']).filter(|piece| !piece.is_empty()) {
        let piece = piece.to_lowercase();
        let digits = piece.find(|c: char| c.is_ascii_digit()).filter(|at| *at > 1);
        let word = digits.map_or(piece.as_str(), |at| &piece[..at]);
        let word = word.strip_prefix("lib").filter(|rest| rest.len() > 2).unwrap_or(word);
        let word = match word {
            "dev" => "devel",
            "lib" => "libs",
            word => word,
        };
        if !parts.iter().any(|part| part == word) {
            parts.push(word.to_owned());
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(names: &[&str], name: &str) -> Vec<String> {
        let mut texts = Texts::new();
        let numbers = names.iter().map(|name| texts.add(name).unwrap()).collect();
        Near::new(&texts, numbers).find(&texts, name, 3).into_iter().map(str::to_owned).collect()
    }

    #[test]
    fn nearest_first_by_case_slip_and_parts() {
        let names =
            ["python3-pyyaml", "python3-yaml", "zlib-devel", "zlib-ng-compat-devel", "httpd", "nodejs22", "nginx"];
        assert_eq!(near(&names, "python3-PyYAML"), ["python3-pyyaml", "python3-yaml"]);
        assert_eq!(near(&names, "zlib-dev"), ["zlib-devel", "zlib-ng-compat-devel"]);
        assert_eq!(near(&names, "htppd"), ["httpd"]);
        assert_eq!(near(&names, "nodejs"), ["nodejs22"]);
        assert_eq!(near(&names, "libnginx"), ["nginx"]);
        assert_eq!(near(&names, "httpd"), [""; 0]);
        assert_eq!(near(&names, "postgresql"), [""; 0]);
        assert_eq!(near(&names, &"x".repeat(100_000)), [""; 0]);
        assert_eq!(near(&names, ""), [""; 0]);
    }
}
