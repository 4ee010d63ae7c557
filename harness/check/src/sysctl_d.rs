//! The files from which systemd-sysctl sets kernel parameters at boot, read by its own rules
//! (systemd's src/sysctl/sysctl.c and src/basic/sysctl-util.c):
//!
//! - of files with the same name only that of the first directory counts, and files are applied in the
//!   order of their names;
//! - a key is written with dots or with slashes, the first separator says which; `*`, `?` and `[` make a
//!   pattern of it, whose stars do not cross a separator;
//! - of two lines with the same key, the later counts;
//! - a pattern never sets a parameter that any line names, whether that line comes earlier or later;
//! - `-key = value` is `key = value` whose failure is passed over; `-key` alone sets nothing, so that it
//!   takes the parameter out of every pattern, and takes back an earlier line of the same key.

use std::collections::BTreeMap;

use super::shell::Answer;
use muster_base::fnmatch;

/// Prints every file that systemd-sysctl applies. Where a directory of higher rank has the name, those of
/// lower rank are hidden, also by a link to /dev/null or to nothing. /etc/sysctl.conf is read only where a
/// distribution links it here.
pub(super) const FILES: &str = r#"seen=
for dir in /etc/sysctl.d /run/sysctl.d /usr/local/lib/sysctl.d /usr/lib/sysctl.d /lib/sysctl.d; do
    for file in "$dir"/*.conf; do
        [ -e "$file" ] || [ -L "$file" ] || continue
        base=${file##*/}
        case $seen in *"/$base/"*) continue;; esac
        seen="$seen/$base/"
        text=
        if [ -e "$file" ] && [ ! -d "$file" ]; then text=$(cat "$file") || exit 1; fi
        printf '%s\0%s\0%s\0' "$base" 0 "$text"
    done
done"#;

/// The value that the files leave a parameter with; `None` when they set it nowhere.
pub(super) fn persisted(files: &BTreeMap<String, Answer>, name: &str) -> Option<String> {
    let wanted = normalized(name);
    let mut exact: Option<Option<String>> = None;
    // In the order in which they are applied: a line with another value of the same pattern moves it to
    // the end.
    let mut patterns: Vec<(String, Option<String>)> = Vec::new();
    for (key, value) in files.values().flat_map(|file| file.output.lines()).filter_map(assignment) {
        if key == wanted {
            exact = Some(value);
        } else if key.contains(['*', '?', '[']) {
            match patterns.iter().position(|(pattern, _)| *pattern == key) {
                Some(at) if patterns[at].1 == value => continue,
                Some(at) => drop(patterns.remove(at)),
                None => {}
            }
            patterns.push((key, value));
        }
    }
    exact.unwrap_or_else(|| {
        let mut matching = patterns.into_iter().filter(|(pattern, value)| value.is_some() && matches(pattern, &wanted));
        matching.next_back().and_then(|(_, value)| value)
    })
}

/// The key of a line in its slash form, and its value; no value for a line that only names the key.
fn assignment(line: &str) -> Option<(String, Option<String>)> {
    let line = line.trim();
    if line.is_empty() || line.starts_with(['#', ';']) {
        return None;
    }
    let (key, value) = match line.split_once('=') {
        Some((key, value)) => {
            (key.strip_prefix('-').unwrap_or(key), Some(value.split_whitespace().collect::<Vec<_>>().join(" ")))
        }
        None => (line.strip_prefix('-')?, None),
    };
    Some((normalized(key.trim()), value))
}

/// The slash form of a name: as in sysctl(8), the first separator says whether dots or slashes separate
/// the parts, and in the dotted form a slash stands for a dot of a name.
pub(super) fn normalized(name: &str) -> String {
    let swapped: String = match name.find(['.', '/']).map(|at| name.as_bytes()[at]) {
        Some(b'.') => name
            .chars()
            .map(|c| match c {
                '.' => '/',
                '/' => '.',
                c => c,
            })
            .collect(),
        _ => name.to_owned(),
    };
    swapped.split('/').filter(|part| !part.is_empty() && *part != ".").collect::<Vec<_>>().join("/")
}

/// Whether a path matches a pattern as glob(7) says: braces are alternatives, and neither a star nor a set
/// stands for a separator or for a dot at the beginning of a name.
fn matches(pattern: &str, path: &str) -> bool {
    alternatives(pattern).iter().any(|pattern| {
        let (patterns, parts): (Vec<&str>, Vec<&str>) = (pattern.split('/').collect(), path.split('/').collect());
        patterns.len() == parts.len()
            && patterns.iter().zip(parts).all(|(pattern, part)| {
                let hidden = part.starts_with('.') && !pattern.starts_with('.');
                !hidden && fnmatch::matches(pattern, part)
            })
    })
}

/// What a pattern stands for once its braces are written out, at most 64 patterns.
fn alternatives(pattern: &str) -> Vec<String> {
    let mut open = vec![pattern.to_owned()];
    let mut done = Vec::new();
    while let Some(pattern) = open.pop() {
        // The innermost pair: the first closing brace and the last opening one before it.
        let pair = pattern.find('}').and_then(|end| pattern[..end].rfind('{').map(|start| (start, end)));
        match pair {
            Some((start, end)) if pattern[start..end].contains(',') && open.len() + done.len() < 64 => {
                let inner = &pattern[start + 1..end];
                open.extend(inner.split(',').map(|word| format!("{}{word}{}", &pattern[..start], &pattern[end + 1..])));
            }
            _ => done.push(pattern),
        }
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(texts: &[(&str, &str)]) -> BTreeMap<String, Answer> {
        let answer = |text: &str| Answer { status: 0, output: text.to_owned() };
        texts.iter().map(|(name, text)| ((*name).to_owned(), answer(text))).collect()
    }

    #[test]
    fn later_files_and_exact_names_win() {
        let files = files(&[
            ("10-a.conf", "# x\nkernel.kptr_restrict = 1\nnet.ipv4.conf.eth0.rp_filter=0\n; no\n"),
            ("50-b.conf", "-kernel/kptr_restrict=2\nnet.ipv4.conf.*.rp_filter = 2\nnet.ipv4.tcp_rmem=4096  1 2"),
        ]);
        let of = |name| persisted(&files, name);
        assert_eq!(of("kernel.kptr_restrict").as_deref(), Some("2"));
        assert_eq!(of("net.ipv4.conf.eth0.rp_filter").as_deref(), Some("0"));
        assert_eq!(of("net.ipv4.conf.eth1.rp_filter").as_deref(), Some("2"));
        assert_eq!(of("net/ipv4/tcp_rmem").as_deref(), Some("4096 1 2"));
        assert_eq!(of("kernel.other"), None);
    }

    /// systemd's own 50-default.conf, and lines around it.
    #[test]
    fn a_key_after_a_dash_is_taken_out_of_patterns_before_and_after_it() {
        let default =
            "net.ipv4.conf.default.rp_filter = 2\nnet.ipv4.conf.*.rp_filter = 2\n-net.ipv4.conf.all.rp_filter\n";
        let of = |texts: &[(&str, &str)], name| persisted(&files(texts), name);
        let all = "net.ipv4.conf.all.rp_filter";
        assert_eq!(of(&[("50-default.conf", default)], all), None);
        assert_eq!(of(&[("50-default.conf", default)], "net.ipv4.conf.lo.rp_filter").as_deref(), Some("2"));
        assert_eq!(
            of(
                &[("10-x.conf", "-net/ipv4/conf/all/rp_filter"), ("50-default.conf", "net.ipv4.conf.*.rp_filter=1")],
                all
            ),
            None
        );
        assert_eq!(
            of(&[("50-default.conf", default), ("60-x.conf", "net.ipv4.conf.all.rp_filter = 1")], all).as_deref(),
            Some("1")
        );
        assert_eq!(
            of(&[("50-a.conf", "kernel.x = 1\n-kernel.x\n")], "kernel.x"),
            None,
            "an earlier line is taken back"
        );
        assert_eq!(of(&[("50-a.conf", "kernel.x\n")], "kernel.x"), None, "a line that is no assignment");
        assert_eq!(of(&[("50-a.conf", "- kernel.x = 5\n")], "kernel.x").as_deref(), Some("5"));
    }

    #[test]
    fn patterns_are_those_of_glob() {
        let of = |text: &str, name| persisted(&files(&[("a.conf", text)]), name);
        let lo = "net.ipv4.conf.lo.shared_media";
        for pattern in ["l?", "l[o]", "[k-m]o", "[!e]o", "l*", "*", "{lo,eth?}", "l[]o]"] {
            assert_eq!(of(&format!("net.ipv4.conf.{pattern}.shared_media = 0"), lo).as_deref(), Some("0"), "{pattern}");
        }
        for pattern in ["l??", "[!l]o", "[a-c]o", "eth*", "{en*,eth?}", "l[o"] {
            assert_eq!(of(&format!("net.ipv4.conf.{pattern}.shared_media = 0"), lo), None, "{pattern}");
        }
        assert_eq!(of("net.*.shared_media = 0", lo), None, "a star is one part");
        let twice = "net.ipv4.conf.*.x = 1\nnet.ipv4.conf.l?.x = 2\n";
        assert_eq!(of(twice, "net.ipv4.conf.lo.x").as_deref(), Some("2"), "the last pattern is applied last");
        assert_eq!(of(&format!("{twice}net.ipv4.conf.*.x = 1\n"), "net.ipv4.conf.lo.x").as_deref(), Some("2"));
        assert_eq!(of(&format!("{twice}net.ipv4.conf.*.x = 3\n"), "net.ipv4.conf.lo.x").as_deref(), Some("3"));
        assert_eq!(of(&format!("{twice}-net.ipv4.conf.l?.x\n"), "net.ipv4.conf.lo.x").as_deref(), Some("1"));
    }

    #[test]
    fn names_have_one_slash_form() {
        assert_eq!(normalized("net.ipv4.conf.eth0/100.rp_filter"), "net/ipv4/conf/eth0.100/rp_filter");
        assert_eq!(normalized("net/ipv4/conf/eth0.100/rp_filter"), "net/ipv4/conf/eth0.100/rp_filter");
        assert_eq!(normalized("/kernel//x/"), "kernel/x");
    }
}
