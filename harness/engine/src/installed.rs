//! Package files in the guest that must be what its package database has: compared by the digests of their headers, which
//! stand in the file and, once it is installed, in the database.

use super::driver::Live;
use super::one_reply::one_reply;
use muster_base::failure::{self, Failure};
use muster_base::text::{self, shell_word};
use muster_guest::{End, Request};

/// Prints one line for each file, then one for each package of the database, in the same order.
const HEADERS: &str = r#"format='%{SHA256HEADER} %{SHA1HEADER} %{NEVRA}\n'
names=$(rpm -qp --nosignature --qf '%{NVRA}\n' "$@" 2>/dev/null) || exit 3
rpm -qp --nosignature --qf "$format" "$@" 2>/dev/null || exit 3
rpm -q --qf "$format" $names || exit 4"#;
/// The package database lacks one of them.
const LACKS: i32 = 4;
/// Bytes of what that prints.
const OUTPUT: usize = 8 << 20;

/// What the package database has of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Installed {
    /// The package with that very header, as name, epoch where there is one, version, release and architecture.
    Same(String),
    /// Another, or none: what rpm prints of the file and of the database, on one line.
    Other(String),
}

/// Looks up each of the files of the guest; `what` is what they are in messages: `the updates`.
///
/// # Errors
/// Neither is known: a file or the database cannot be read.
pub(super) async fn installed<L: Live>(
    live: &L,
    paths: &[String],
    what: &str,
    timeout: std::time::Duration,
) -> Result<Vec<Installed>, Failure> {
    let request = Request { script: format!("{}{HEADERS}", arguments(paths)), timeout, limit: OUTPUT };
    let reply = one_reply(live, request, what).await?;
    let said = text::escape_bytes(&reply.stdout);
    let lines: Vec<&str> = said.lines().collect();
    let whole = reply.end == End::Exited && (reply.status == LACKS || reply.status == 0);
    if !whole || lines.len() != 2 * paths.len() {
        let words = text::last_words(&text::escape_bytes(&reply.stderr), 160);
        let message = format!("cannot look up {what} in the package database: status {}: {words}", reply.status);
        return Err(Failure::new(failure::PROBE_FAILED, message));
    }
    let (in_files, in_database) = lines.split_at(paths.len());
    let compared = |(file, database): (&&str, &&str)| match package(file, database) {
        Some(package) => Installed::Same(package.to_owned()),
        None => Installed::Other(text::one_line(&format!("{file} / {database}"), 300)),
    };
    Ok(in_files.iter().zip(in_database).map(compared).collect())
}

/// Makes the files the arguments of the script that follows.
pub(super) fn arguments(paths: &[String]) -> String {
    let quoted: Vec<String> = paths.iter().map(|path| shell_word(path)).collect();
    format!("set -- {}\n", quoted.join(" "))
}

/// The package that both lines are about, the file's and the database's, when they have a digest and it is the same.
fn package<'s>(file: &'s str, database: &str) -> Option<&'s str> {
    let mut fields = file.split(' ');
    let (sha256, sha1, package) = (fields.next()?, fields.next()?, fields.next()?);
    let hex = |digest: &str| digest.len() >= 40 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
    let named = !package.is_empty() && package.bytes().all(|b| b.is_ascii_alphanumeric() || b"._+~^:-".contains(&b));
    let whole = fields.next().is_none() && (hex(sha256) || hex(sha1)) && named && package.len() <= 256;
    (whole && file == database).then_some(package)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_installed_when_it_and_the_database_have_one_header() {
        let line = format!("{} (none) app-1:2.0-1.x86_64", "ab".repeat(32));
        assert_eq!(package(&line, &line), Some("app-1:2.0-1.x86_64"));
        let other = format!("{} (none) app-1:2.0-1.x86_64", "ac".repeat(32));
        assert_eq!(package(&line, &other), None);
        let no_digest = "(none) (none) app-2.0-1.x86_64";
        assert_eq!(package(no_digest, no_digest), None, "no digest, no proof");
        let forged = format!("{} (none) app$(x)", "ab".repeat(32));
        assert_eq!(package(&forged, &forged), None);
        assert_eq!(package("", ""), None);
    }
}
