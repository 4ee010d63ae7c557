//! Whether rpmspec can read a spec without running anything of it.
//!
//! rpm runs commands for `%(…)`, and code for `%{lua:…}`; `%{load:…}`, `%include` and `%{expand:…}` bring in text that may
//! have either; `%%(` becomes `%(` in a `%global`; and a macro that rpm's own files use as a command (`%{__id}`) runs what
//! the spec makes of it. So only these forms are taken: `%name`, `%{name}`, `%{?name}`, `%{!?name}`, and `%{?name:…}` of
//! them, no built-in macro that works on text, and no definition of a name that begins with an underscore.

/// Macros of rpm that read files, run code, or put texts together that are expanded again.
const ACTIVE: &[&str] = &[
    "F",
    "P",
    "S",
    "basename",
    "dirname",
    "dnl",
    "dump",
    "echo",
    "error",
    "exists",
    "expand",
    "expr",
    "fileattr",
    "getconfdir",
    "getenv",
    "getncpus",
    "gsub",
    "include",
    "len",
    "load",
    "lower",
    "lua",
    "macrobody",
    "quote",
    "rep",
    "reverse",
    "rpmversion",
    "shescape",
    "shrink",
    "span",
    "sub",
    "suffix",
    "trace",
    "u2p",
    "uncompress",
    "undefine",
    "upper",
    "url2path",
    "verbose",
    "warn",
    "xdg",
];

/// Whether every macro of the text is of those forms.
pub(super) fn is_inert(text: &str) -> bool {
    text.lines().all(is_inert_line)
}

fn is_inert_line(line: &str) -> bool {
    let mut words = line.split_whitespace();
    if matches!(words.next(), Some("%define" | "%global")) {
        let name = words.next().unwrap_or_default();
        if name.starts_with('_') || !is_identifier(name) || ACTIVE.contains(&name) {
            return false;
        }
    }
    // A line that goes on can hide what it defines.
    let definitions = line.matches("%define").count() + line.matches("%global").count();
    let begins = ["%define ", "%global "].iter().any(|word| line.trim_start().starts_with(word));
    if definitions > 0 && (definitions > 1 || !begins || line.trim_end().ends_with('\\')) {
        return false;
    }
    line.match_indices('%').all(|(at, _)| {
        let rest = &line[at + 1..];
        let (rest, braced) = rest.strip_prefix('{').map_or((rest, false), |rest| (rest, true));
        let bare = rest.trim_start_matches(['?', '!']);
        let conditional = bare.len() < rest.len();
        let end = bare.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(bare.len());
        let (name, behind) = bare.split_at(end);
        let closed = !braced || behind.starts_with('}') || conditional && behind.starts_with(':');
        is_identifier(name) && !ACTIVE.contains(&name) && closed
    })
}

fn is_identifier(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_names_are_inert_and_what_runs_or_makes_text_is_not() {
        for inert in [
            "Name: app\nRequires: %{name}-libs%{?_isa} = %{version}",
            "%global major 2\n%if 0%{?fedora} >= 40\n%endif",
            "%{?systemd_requires}\n%{!?with_docs: BuildRequires: %{?tool}}",
            "%package libs\n%description\nnothing",
        ] {
            assert!(is_inert(inert), "{inert}");
        }
        for active in [
            "Version: %(date)",
            "%{lua: print(1)}",
            "%{lua:print(1)}",
            "%global x %%(date)",
            "%global x %{p}(date)\n%define p %%",
            "%{expand: x}",
            "%expand x",
            "%{shrink:x}",
            "%{load:/tmp/x}",
            "%include /etc/passwd",
            "%[1 + 1]",
            "%define __id /tmp/x",
            "%global _dbpath x",
            "%global f() %1",
            "%{S:1}",
            "%{name",
            "100% of it",
            "%define x \\\n%(date)",
            "%{!?x:%define __id y}",
            "%*",
            "%{-f}",
        ] {
            assert!(!is_inert(active), "{active}");
        }
    }
}
