//! What can be recorded, as it is typed: `packages`, `sysctl:net.*`, `files:/etc/ssh/*.conf`.

use crate::error::CliError;
use crate::names;
use muster_base::glob;

/// A source of facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RecordSource {
    Packages,
    Units,
    Sysctl,
    Kconfig,
    Users,
    Groups,
    Ports,
    Commands,
    Files,
}

impl RecordSource {
    /// All, in the order in which their tests are written.
    pub(super) const ALL: &'static [(&'static str, RecordSource)] = &[
        ("packages", RecordSource::Packages),
        ("units", RecordSource::Units),
        ("sysctl", RecordSource::Sysctl),
        ("kconfig", RecordSource::Kconfig),
        ("users", RecordSource::Users),
        ("groups", RecordSource::Groups),
        ("ports", RecordSource::Ports),
        ("commands", RecordSource::Commands),
        ("files", RecordSource::Files),
    ];

    /// As it is typed.
    pub(super) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, source)| *source == self).map_or("", |(word, _)| word)
    }
}

/// A source, and what of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Of {
    pub(super) source: RecordSource,
    /// One must match the name of a fact; none is all. For files they are the shell's, with at least one.
    pub(super) globs: Vec<String>,
}

impl Of {
    /// Whether a fact of that name is wanted.
    pub(super) fn wants(&self, name: &str) -> bool {
        self.globs.is_empty() || self.globs.iter().any(|pattern| glob::matches(pattern, name))
    }
}

/// What was typed, each source once, in the order of [`RecordSource::ALL`].
pub(super) fn parse(typed: &[String]) -> Result<Vec<Of>, CliError> {
    let mut out: Vec<(usize, Of, bool)> = Vec::new();
    for item in typed {
        let (word, pattern) = item.split_once(':').map_or((item.as_str(), None), |(word, glob)| (word, Some(glob)));
        let Some(at) = RecordSource::ALL.iter().position(|(known, _)| *known == word) else {
            return Err(names::unknown("source", word, RecordSource::ALL.iter().map(|(word, _)| *word), ""));
        };
        let source = RecordSource::ALL[at].1;
        match pattern {
            Some("") => {
                return Err(CliError::invalid(format!("--of `{item}`: the glob behind the colon is empty")));
            }
            Some(path) if source == RecordSource::Files && !path.starts_with('/') => {
                return Err(CliError::invalid(format!("--of `{item}`: a path in the guest begins with a slash")));
            }
            None if source == RecordSource::Files => {
                return Err(CliError::invalid("--of `files` does not say which")
                    .hint("for example --of 'files:/etc/ssh/*.conf'"));
            }
            _ => {}
        }
        let found = out.iter().position(|(known, ..)| *known == at).unwrap_or_else(|| {
            out.push((at, Of { source, globs: Vec::new() }, false));
            out.len() - 1
        });
        match pattern {
            Some(pattern) => out[found].1.globs.push(pattern.to_owned()),
            // Without a glob it is all of them, whatever else is said.
            None => out[found].2 = true,
        }
    }
    out.sort_by_key(|(at, ..)| *at);
    let each = |(_, of, all): (usize, Of, bool)| if all { Of { globs: Vec::new(), ..of } } else { of };
    Ok(out.into_iter().map(each).collect())
}
