//! `--annotations`: for which CI server a run also prints what that server reads out of a log.

use std::io::Write as _;

use clap::ValueEnum;
use clap::builder::PossibleValue;
use muster_record::run::RunRecord;
use muster_report::annotations::Server;
use muster_report::written::markdown::summary;

/// For whom.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Annotations {
    /// For the server that the run is on; none elsewhere.
    #[default]
    Auto,
    /// For this server.
    For(Server),
    /// For none.
    None,
}

impl ValueEnum for Annotations {
    fn value_variants<'a>() -> &'a [Self] {
        const ALL: &[Annotations] = &[
            Annotations::Auto,
            Annotations::For(Server::Github),
            Annotations::For(Server::Gitlab),
            Annotations::For(Server::Azure),
            Annotations::None,
        ];
        ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Self::Auto => PossibleValue::new("auto")
                .help("For the server that the run is on, by GITHUB_ACTIONS, GITLAB_CI or TF_BUILD; none elsewhere"),
            Self::For(server) => PossibleValue::new(server.name()).help(server.title()),
            Self::None => PossibleValue::new("none").help("For none"),
        })
    }
}

impl Annotations {
    /// The server that is written for.
    pub(crate) fn server(self) -> Option<Server> {
        match self {
            Self::Auto => here(),
            Self::For(server) => Some(server),
            Self::None => None,
        }
    }
}

/// The server that this process runs on.
pub(crate) fn here() -> Option<Server> {
    detect(|name| std::env::var(name).ok())
}

/// Whether this process runs on a CI server: one that writes for it, or any that sets `CI`.
pub(crate) fn is_ci() -> bool {
    std::env::var_os("CI").is_some_and(|ci| !ci.is_empty()) || here().is_some()
}

fn detect(variable: impl Fn(&str) -> Option<String>) -> Option<Server> {
    let is_set = |name: &str| variable(name).is_some_and(|value| value.eq_ignore_ascii_case("true"));
    match () {
        () if is_set("GITHUB_ACTIONS") => Some(Server::Github),
        () if is_set("GITLAB_CI") => Some(Server::Gitlab),
        () if is_set("TF_BUILD") => Some(Server::Azure),
        () => None,
    }
}

/// Prints for a server what it reads out of the log of a run that is over.
pub(crate) fn again(server: Server, record: &RunRecord) {
    let mut out = anstream::AutoStream::always_ansi(std::io::stdout());
    for line in muster_report::annotations::of_run(server, record) {
        if writeln!(out, "{line}").is_err() {
            return;
        }
    }
}

/// The page of the job cannot be written to.
#[derive(Debug, thiserror::Error)]
#[error("GITHUB_STEP_SUMMARY {path}: {source}")]
pub(crate) struct SummaryError {
    path: String,
    source: std::io::Error,
}

/// Adds the summary of a run to the page of a job of GitHub Actions, where there is one. An error is
/// no reason to fail a run.
pub(crate) fn summarise(server: Option<Server>, record: &RunRecord) -> Result<(), SummaryError> {
    let file = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty());
    let Some(path) = file.filter(|_| server == Some(Server::Github)) else { return Ok(()) };
    let added = std::fs::OpenOptions::new().append(true).create(true).open(&path);
    added
        .and_then(|mut file| file.write_all(summary(record).as_bytes()))
        .map_err(|source| SummaryError { path: path.to_string_lossy().into_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_known_by_its_variable() {
        let of = |set: &str, value: &str| detect(|name| (name == set).then(|| value.to_owned()));
        assert_eq!(of("GITHUB_ACTIONS", "true"), Some(Server::Github));
        assert_eq!(of("GITLAB_CI", "true"), Some(Server::Gitlab));
        assert_eq!(of("TF_BUILD", "True"), Some(Server::Azure));
        assert_eq!((of("CI", "true"), of("GITHUB_ACTIONS", "")), (None, None));
        assert_eq!(Annotations::None.server(), None);
        assert_eq!(Annotations::For(Server::Gitlab).server(), Some(Server::Gitlab));
        let named = |server: &Server| Annotations::from_str(server.name(), false);
        assert!(Server::ALL.iter().all(|server| named(server) == Ok(Annotations::For(*server))));
    }
}
