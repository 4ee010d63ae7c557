//! Macros of a spec that are plain text, and those that stand for a whole line.

use super::tag;
use crate::why::Why;
use std::collections::HashMap;

/// Macros in macros.
const DEEPEST: usize = 8;
/// Bytes that a line may become.
const LONGEST: usize = 4096;

/// Directories as rpm has them on a 64-bit system of Fedora's kind.
const DIRECTORIES: &[(&str, &str)] = &[
    ("_prefix", "/usr"),
    ("_bindir", "/usr/bin"),
    ("_sbindir", "/usr/sbin"),
    ("_libdir", "/usr/lib64"),
    ("_libexecdir", "/usr/libexec"),
    ("_datadir", "/usr/share"),
    ("_datarootdir", "/usr/share"),
    ("_includedir", "/usr/include"),
    ("_mandir", "/usr/share/man"),
    ("_sysconfdir", "/etc"),
    ("_localstatedir", "/var"),
    ("_sharedstatedir", "/var/lib"),
    ("_rundir", "/run"),
    ("_unitdir", "/usr/lib/systemd/system"),
    ("_sysusersdir", "/usr/lib/sysusers.d"),
    ("_tmpfilesdir", "/usr/lib/tmpfiles.d"),
    ("python3_pkgversion", "3"),
    ("__python3", "/usr/bin/python3"),
    ("__perl", "/usr/bin/perl"),
];

/// Macros that are nothing in a requirement: the architecture and the distribution's mark, which the answer does not
/// depend on.
const NOTHING: &[&str] = &["_isa", "dist", "epoch"];

/// What a spec defines.
#[derive(Debug)]
pub(super) struct Macros {
    known: HashMap<String, String>,
}

impl Macros {
    /// Of a text: its tags, and `%global` and `%define` without parameters. A name that is defined twice is not known.
    pub(super) fn of(text: &str) -> Self {
        let mut known: HashMap<String, String> = HashMap::new();
        let mut twice = Vec::new();
        for line in text.lines() {
            let line = line.trim();
            let mut words = line.split_whitespace();
            let (name, value) = match words.next() {
                Some("%global" | "%define") => {
                    let name = words.next().unwrap_or_default();
                    let value = line.split_once(name).map(|(_, value)| value.trim()).unwrap_or_default();
                    (name.to_owned(), value)
                }
                _ => match tag::tag_of(line) {
                    Some((tag, value))
                        if ["name", "version", "release", "epoch"].iter().any(|it| tag.eq_ignore_ascii_case(it)) =>
                    {
                        if known.contains_key(&tag.to_ascii_lowercase()) {
                            continue;
                        }
                        (tag.to_ascii_lowercase(), value)
                    }
                    _ => continue,
                },
            };
            let open = value.ends_with('\\') || value.contains("%(") || name.contains('(');
            if open || known.get(&name).is_some_and(|before| before != value) {
                twice.push(name);
            } else {
                known.insert(name, value.to_owned());
            }
        }
        for name in twice {
            known.remove(&name);
        }
        Self { known }
    }

    /// The value of a name, with what it is made of.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        self.expand(self.known.get(name)?).ok()
    }

    /// A text with its macros replaced.
    ///
    /// # Errors
    /// Which macro is not known.
    pub(super) fn expand(&self, text: &str) -> Result<String, Why> {
        self.expand_at(text, 0)
    }

    fn expand_at(&self, text: &str, depth: usize) -> Result<String, Why> {
        if depth > DEEPEST {
            return Err(format!("macros that are made of macros more than {DEEPEST} deep").into());
        }
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once('%') {
            out.push_str(before);
            let (inner, next) = if let Some(braced) = behind.strip_prefix('{') {
                let end = braced.find('}').ok_or("a macro that is not closed")?;
                (&braced[..end], &braced[end + 1..])
            } else if let Some(next) = behind.strip_prefix('%') {
                out.push('%');
                rest = next;
                continue;
            } else {
                let bare = behind.trim_start_matches(['?', '!']);
                let skipped = behind.len() - bare.len();
                let end = bare.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(bare.len());
                behind.split_at(skipped + end)
            };
            let name = inner.trim_start_matches('?');
            let directory = DIRECTORIES.iter().find(|(it, _)| *it == name).map(|(_, path)| *path);
            match (self.known.get(name), directory) {
                (Some(value), _) => out.push_str(&self.expand_at(value, depth + 1)?),
                (None, Some(path)) => out.push_str(path),
                (None, None) if inner.starts_with('?') && NOTHING.contains(&name) => {}
                _ => {
                    return Err(
                        format!("what %{{{}}} is is not known here", muster_base::text::one_line(inner, 60)).into()
                    );
                }
            }
            if out.len() > LONGEST {
                return Err(format!("a line of more than {LONGEST} bytes").into());
            }
            rest = next;
        }
        out.push_str(rest);
        Ok(out)
    }
}

/// What a line that is a macro does.
pub(super) enum Line {
    /// Nothing that a system must have.
    Nothing,
    /// It requires a package.
    Requires(&'static str),
    /// It is not known.
    Unknown,
}

/// Of a line of a preamble or of a script.
pub(super) fn of_line(line: &str) -> Line {
    let name = line.trim_start_matches(['%', '{', '?', '!']);
    let end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(name.len());
    match &name[..end] {
        _ if !line.starts_with('%') => Line::Nothing,
        "systemd_requires" | "systemd_ordering" => Line::Requires("systemd"),
        "sysusers_requires_compat" => Line::Requires("shadow-utils"),
        "global" | "define" | "undefine" | "bcond" | "bcond_with" | "bcond_without" | "dnl" | "description" => {
            Line::Nothing
        }
        "systemd_post"
        | "systemd_preun"
        | "systemd_postun"
        | "systemd_postun_with_restart"
        | "systemd_user_post"
        | "systemd_user_preun"
        | "systemd_user_postun"
        | "sysusers_create_compat"
        | "sysusers_create_package"
        | "tmpfiles_create"
        | "tmpfiles_create_package"
        | "udev_rules_update"
        | "ldconfig"
        | "ldconfig_scriptlets"
        | "ldconfig_post"
        | "ldconfig_postun" => Line::Nothing,
        "debug_package" | "perl_default_filter" | "filter_setup" | "pypi_name" => Line::Nothing,
        _ => Line::Unknown,
    }
}
