//! What may stand in a manifest: the forms that Kubernetes takes, checked here, since an API server says it later and elsewhere.

/// What is none.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoName {
    /// A name of a job.
    #[error(
        "a name is a DNS label (RFC 1123) of at most {0} characters: lower-case letters, digits and `-`, neither first nor last"
    )]
    Label(usize),
    /// A name of a claim.
    #[error(
        "a name is a DNS subdomain (RFC 1123): labels of lower-case letters, digits and `-`, with dots between them"
    )]
    Subdomain,
    /// A reference of a container image.
    #[error("a container image is a reference such as `muster:1.0`, of letters, digits and `. _ - : / @`")]
    Reference,
    /// A number of processors.
    #[error("processors are a number such as 2, or thousandths of one such as 1500m")]
    Processors,
    /// A directory.
    #[error("a directory of a host is an absolute path without `..`")]
    Directory,
}

/// Characters of a job's name at most: its pods have the number of their shard and five characters more, and their host names are
/// labels too (63).
pub(super) const LONGEST_JOB: usize = 45;

fn is_label(text: &str, longest: usize) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=longest).contains(&text.len()) && text.chars().all(allowed) && !text.starts_with('-') && !text.ends_with('-')
}

/// The name of a job. It begins with a letter, as the names of some other kinds must.
pub(super) fn job(text: &str) -> Result<String, NoName> {
    let fine = is_label(text, LONGEST_JOB) && text.starts_with(|c: char| c.is_ascii_lowercase());
    fine.then(|| text.to_owned()).ok_or(NoName::Label(LONGEST_JOB))
}

/// The name of a namespace.
pub(super) fn namespace(text: &str) -> Result<String, NoName> {
    is_label(text, 63).then(|| text.to_owned()).ok_or(NoName::Label(63))
}

/// The name of a claim of a volume.
pub(super) fn claim(text: &str) -> Result<String, NoName> {
    let fine = text.len() <= 253 && text.split('.').all(|label| is_label(label, 63));
    fine.then(|| text.to_owned()).ok_or(NoName::Subdomain)
}

/// A reference of a container image.
pub(super) fn reference(text: &str) -> Result<String, NoName> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-:/@".contains(c);
    let fine = (1..=512).contains(&text.len())
        && text.chars().all(allowed)
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.ends_with(|c: char| c.is_ascii_alphanumeric());
    fine.then(|| text.to_owned()).ok_or(NoName::Reference)
}

fn is_number(text: &str) -> bool {
    (1..=9).contains(&text.len()) && text.chars().all(|c| c.is_ascii_digit()) && !text.starts_with('0')
}

/// Processors: `2`, `1500m`.
pub(super) fn processors(text: &str) -> Result<String, NoName> {
    is_number(text.strip_suffix('m').unwrap_or(text)).then(|| text.to_owned()).ok_or(NoName::Processors)
}

/// A directory of the hosts.
pub(super) fn directory(text: &str) -> Result<String, NoName> {
    let fine = text.starts_with('/')
        && text.len() <= 1024
        && !text.chars().any(char::is_control)
        && !text.split('/').any(|part| part == "..");
    fine.then(|| text.to_owned()).ok_or(NoName::Directory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_api_server_would_refuse_is_refused_here() {
        assert_eq!(job("muster-2026-11-29").as_deref(), Ok("muster-2026-11-29"));
        for wrong in ["", "-a", "a-", "A", "a_b", "a.b", "1a", "é", "a b", "a\nb", &"a".repeat(LONGEST_JOB + 1)] {
            assert_eq!(job(wrong), Err(NoName::Label(LONGEST_JOB)), "{wrong:?}");
        }
        assert!(namespace("1-ci").is_ok() && namespace("ci.x").is_err() && namespace(&"a".repeat(64)).is_err());
        assert!(claim("results.nfs-1").is_ok());
        for wrong in ["", ".", "a..b", "a.", "A.b", "a/b"] {
            assert_eq!(claim(wrong), Err(NoName::Subdomain), "{wrong:?}");
        }
        for fine in ["muster", "muster:1.0", "example.org:5000/team/muster@sha256:ab"] {
            assert!(reference(fine).is_ok(), "{fine}");
        }
        for wrong in ["", "a b", "a\"b", "-a", "a:", "a;b", "$a", "a\n"] {
            assert_eq!(reference(wrong), Err(NoName::Reference), "{wrong:?}");
        }
        assert!(["2", "1500m"].iter().all(|text| processors(text).is_ok()));
        assert!(["", "0", "m", "2Gi", "-1", "1.5", "2 "].iter().all(|text| processors(text).is_err()));
        assert!(directory("/srv/images").is_ok());
        assert!(["", "srv", "/srv/../etc", "/a\nb"].iter().all(|text| directory(text).is_err()));
    }
}
