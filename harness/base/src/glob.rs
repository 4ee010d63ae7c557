//! Globs over keys such as `net.ipv4.conf.*`: `*` is any run of characters, `?` is one.

/// Whether the whole of `text` matches. Linear in both for one star, and never worse than their
/// product: only the last star is ever tried again.
pub fn matches(glob: &str, text: &str) -> bool {
    let (glob, text): (Vec<char>, Vec<char>) = (glob.chars().collect(), text.chars().collect());
    let (mut g, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match glob.get(g) {
            Some('*') => {
                retry = Some((g + 1, t));
                g += 1;
            }
            Some(&c) if c == '?' || c == text[t] => (g, t) = (g + 1, t + 1),
            _ => match retry {
                Some((after, from)) => {
                    retry = Some((after, from + 1));
                    (g, t) = (after, from + 1);
                }
                None => return false,
            },
        }
    }
    glob[g..].iter().all(|c| *c == '*')
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
        ] {
            assert_eq!(matches(glob, text), expected, "{glob} {text}");
        }
        assert!(!matches(&"a*".repeat(30), &format!("{}b", "a".repeat(20))));
    }
}
