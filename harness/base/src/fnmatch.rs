//! Patterns of names as fnmatch(3) reads them: `*`, `?`, `[…]` with ranges and `!`, and `\`. Both pattern
//! and name may be hostile: the work is at most the product of their lengths.

/// Whether the whole of a name matches.
pub fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut seen) = (0, 0);
    // Behind the last star, and the character up to which it has eaten: only that star is tried again.
    let mut retry: Option<(usize, usize)> = None;
    while seen < name.len() {
        if pattern.get(at) == Some(&'*') {
            at += 1;
            retry = Some((at, seen));
            continue;
        }
        if let Some(after) = one(&pattern, at, name[seen]) {
            (at, seen) = (after, seen + 1);
            continue;
        }
        let Some((after, from)) = retry else { return false };
        retry = Some((after, from + 1));
        (at, seen) = (after, from + 1);
    }
    pattern[at..].iter().all(|c| *c == '*')
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
