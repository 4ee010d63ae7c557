//! Globs as people write them for muster, over names and keys such as `net.ipv4.conf.*`: names of tests on the
//! command line, `only` and `redact` of a snapshot, `pattern` of a deviation. `*` is any run of characters, `?` is
//! one, and all others are themselves: brackets too, which the names of a matrix's tests have. What files of a guest
//! write is [`crate::fnmatch`].

/// Whether the whole of `text` matches.
pub fn matches(glob: &str, text: &str) -> bool {
    whole(glob, text, |glob, at, c| {
        matches!(glob.get(at), Some(&wanted) if wanted == '?' || wanted == c).then_some(at + 1)
    })
}

/// Whether the whole of a text matches a pattern in which `*` is any run of characters, and `one` says where the
/// pattern goes on behind what stands at an index and matches one character. Both may be hostile: the work is at most
/// the product of their lengths, since only the last star is ever tried again.
pub(crate) fn whole(pattern: &str, text: &str, one: impl Fn(&[char], usize, char) -> Option<usize>) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut seen) = (0, 0);
    // Behind the last star, and the character up to which it has eaten.
    let mut retry: Option<(usize, usize)> = None;
    while seen < text.len() {
        if pattern.get(at) == Some(&'*') {
            at += 1;
            retry = Some((at, seen));
            continue;
        }
        if let Some(after) = one(&pattern, at, text[seen]) {
            (at, seen) = (after, seen + 1);
            continue;
        }
        let Some((after, from)) = retry else { return false };
        retry = Some((after, from + 1));
        (at, seen) = (after, from + 1);
    }
    pattern[at..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn globs_match_whole_keys() {
        for (glob, text, expected) in [
            ("kernel.*", "kernel.hostname", true),
            ("kernel.*", "xkernel.hostname", false),
            ("kernel.random.*", "kernel.random", false),
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*.conf.*.rp_filter", "net.ipv4.conf.all.rp_filter", true),
            ("a*b*c", "aXbXbXc", true),
            ("a*b*c", "aXbXbX", false),
            ("features[cpu=*]", "features[cpu=x86-64-v3]", true),
            ("[ab]", "a", false),
            ("\\*", "*", false),
        ] {
            assert_eq!(matches(glob, text), expected, "{glob} {text}");
        }
        assert!(!matches(&"a*".repeat(30), &format!("{}b", "a".repeat(20))));
    }
}
