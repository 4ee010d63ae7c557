//! Patterns of names as files of a guest write them (sysctl.d, the configuration of dnf) and fnmatch(3) reads them:
//! `*`, `?`, `[…]` with ranges and `!`, and `\`. What people write for muster is [`crate::glob`].

/// Whether the whole of a name matches.
pub fn matches(pattern: &str, name: &str) -> bool {
    crate::glob::whole(pattern, name, one)
}

/// Where the pattern goes on when what stands at `at` matches this one character.
fn one(pattern: &[char], at: usize, c: char) -> Option<usize> {
    match *pattern.get(at)? {
        '?' => Some(at + 1),
        '\\' if at + 1 < pattern.len() => (pattern[at + 1] == c).then_some(at + 2),
        '[' => match set_end(pattern, at) {
            Some(end) => in_set(&pattern[at + 1..end], c).then_some(end + 1),
            // A bracket that is never closed is itself.
            None => (c == '[').then_some(at + 1),
        },
        plain => (plain == c).then_some(at + 1),
    }
}

/// Where the set that opens at `at` closes; a `]` that comes first is one of the set.
fn set_end(pattern: &[char], at: usize) -> Option<usize> {
    let first = at + 1 + usize::from(matches!(pattern.get(at + 1), Some('!' | '^')));
    (first + 1..pattern.len()).find(|index| pattern[*index] == ']')
}

fn in_set(set: &[char], c: char) -> bool {
    let negated = matches!(set.first(), Some('!' | '^'));
    let members = if negated { &set[1..] } else { set };
    let mut at = 0;
    let mut found = false;
    while at < members.len() {
        if at + 2 < members.len() && members[at + 1] == '-' {
            found |= (members[at]..=members[at + 2]).contains(&c);
            at += 3;
        } else {
            found |= members[at] == c;
            at += 1;
        }
    }
    found != negated
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_match_whole_names() {
        for pattern in ["lo", "l?", "l*", "*", "**", "*o", "[k-m]o", "[!a]o", "[^a]o", "l[o]", "l[]o]", "\\lo"] {
            assert!(matches(pattern, "lo"), "{pattern}");
        }
        for pattern in ["l", "l??", "[!l]o", "[a-c]o", "l[o", "*x", "", "\\?o"] {
            assert!(!matches(pattern, "lo"), "{pattern}");
        }
        assert!(matches("l[o", "l[o") && matches("[]-]", "-") && matches("a*b*c", "aXbXbXc") && matches("", ""));
        assert!(!matches(&format!("{}c", "a*".repeat(40)), &format!("{}b", "a".repeat(4000))));
    }
}
