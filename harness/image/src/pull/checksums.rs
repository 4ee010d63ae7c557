//! Checksum files, in the four shapes that vendors publish. One digest is chosen by the file's name;
//! two different ones for the same name are refused, since nothing says which is meant.
//!
//! - BSD: `SHA256 (name) = digest`, often inside a clear-signed text (Fedora, CentOS, Rocky);
//! - GNU: `digest  name`, or `digest *name` (AlmaLinux, Amazon Linux);
//! - DIGESTS: GNU lines below `# SHA512 HASH`, one section a digest (Flatcar);
//! - any of these with CRLF line ends (Azure Linux).

use super::reason::ChecksumError;
use muster_base::download::ChecksumKind;

/// The digest of the named file, lower-case hex; what is wrong with the text, when it gives none.
pub(super) fn find(text: &[u8], name: &str, kind: ChecksumKind) -> Result<String, ChecksumError> {
    let text = String::from_utf8_lossy(text);
    // A name for each digest is all that counts; below a heading only those of its kind do.
    let mut section: Option<String> = None;
    let mut found: Option<String> = None;
    for line in text.lines() {
        let line = line.trim_end_matches('\r');
        if let Some(heading) = heading(line) {
            section = Some(heading);
            continue;
        }
        let in_section = section.as_ref().is_none_or(|section| section == kind.name());
        let entry = bsd(line).or_else(|| gnu(line, kind).filter(|_| in_section));
        let Some(Entry { of, digest, .. }) = entry.filter(|entry| entry.is(name, kind)) else { continue };
        debug_assert_eq!(of, kind.name());
        match &found {
            Some(other) if *other != digest => {
                return Err(ChecksumError::Twice { name: name.to_owned(), one: other.clone(), other: digest });
            }
            _ => found = Some(digest),
        }
    }
    found.ok_or_else(|| ChecksumError::Absent { name: name.to_owned(), kind })
}

struct Entry<'a> {
    /// `sha256`, `md5`, ….
    of: String,
    name: &'a str,
    digest: String,
}

impl Entry<'_> {
    fn is(&self, name: &str, kind: ChecksumKind) -> bool {
        self.of == kind.name()
            && self.name.strip_prefix("./").unwrap_or(self.name) == name
            && self.digest.len() == digits(kind)
            && self.digest.bytes().all(|byte| byte.is_ascii_hexdigit())
    }
}

fn digits(kind: ChecksumKind) -> usize {
    match kind {
        ChecksumKind::Sha256 => 64,
        ChecksumKind::Sha512 => 128,
    }
}

/// `# SHA512 HASH`
fn heading(line: &str) -> Option<String> {
    let word = line.strip_prefix('#')?.trim().strip_suffix("HASH")?.trim();
    (!word.is_empty() && !word.contains(' ')).then(|| word.to_ascii_lowercase())
}

/// `SHA256 (name) = digest`
fn bsd(line: &str) -> Option<Entry<'_>> {
    let (of, rest) = line.split_once(" (")?;
    let (name, digest) = rest.rsplit_once(") = ")?;
    Some(Entry { of: of.to_ascii_lowercase(), name, digest: digest.trim_end().to_ascii_lowercase() })
}

/// `digest  name` or `digest *name`; which digest it is only its length and its place tell.
fn gnu(line: &str, kind: ChecksumKind) -> Option<Entry<'_>> {
    let (digest, rest) = line.split_once(' ')?;
    let name = rest.strip_prefix([' ', '*'])?;
    Some(Entry { of: kind.name().to_owned(), name, digest: digest.to_ascii_lowercase() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "Some-Cloud-43-1.6.x86_64.qcow2";

    fn a() -> String {
        "a1".repeat(32)
    }

    fn b() -> String {
        "b2".repeat(32)
    }

    fn sha256(text: &str) -> Result<String, ChecksumError> {
        find(text.as_bytes(), NAME, ChecksumKind::Sha256)
    }

    #[test]
    fn each_shape_gives_the_digest_of_the_named_file() {
        let (a, b) = (a(), b());
        let clear_signed = format!(
            "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n# {NAME}: 585367552 bytes\nSHA256 ({NAME}) = {a}\n\
             # other: 1 bytes\nSHA256 (other.qcow2) = {b}\n-----BEGIN PGP SIGNATURE-----\n\niQ==\n-----END PGP SIGNATURE-----\n"
        );
        assert_eq!(sha256(&clear_signed), Ok(a.clone()));
        assert_eq!(sha256(&format!("{b}  other.qcow2\n{a}  {NAME}\n")), Ok(a.clone()));
        assert_eq!(sha256(&format!("{b} *other.qcow2\n{} *./{NAME}", a.to_uppercase())), Ok(a.clone()));
        assert_eq!(sha256(&format!("{b}  other.qcow2\r\n{a} *{NAME}\r\n")), Ok(a.clone()));
        assert_eq!(sha256(&format!("SHA256 ({NAME}) = {a}\r\n")), Ok(a));
    }

    #[test]
    fn sections_keep_digests_of_one_length_apart() {
        let (long, other) = ("c3".repeat(64), "d4".repeat(64));
        let digests = format!(
            "# MD5 HASH\n{}  {NAME}\n# SHA1 HASH\n{}  {NAME}\n# BLAKE2B HASH\n{other}  {NAME}\n# SHA512 HASH\n{long}  {NAME}\n",
            "0".repeat(32),
            "1".repeat(40)
        );
        assert_eq!(find(digests.as_bytes(), NAME, ChecksumKind::Sha512), Ok(long));
        assert!(sha256(&digests).is_err());
    }

    #[test]
    fn two_different_digests_for_one_name_are_refused_and_the_same_twice_is_not() {
        let (a, b) = (a(), b());
        let twice = sha256(&format!("{a}  {NAME}\nSHA256 ({NAME}) = {b}\n")).unwrap_err().to_string();
        assert!(twice.contains("twice") && twice.contains(&a) && twice.contains(&b), "{twice}");
        assert_eq!(sha256(&format!("{a}  {NAME}\n{a}  ./{NAME}\n")), Ok(a));
    }

    #[test]
    fn what_is_about_something_else_gives_nothing() {
        let a = a();
        for text in [
            String::new(),
            a.clone(),
            format!("{a}  other.qcow2\n"),
            format!("{a}  {NAME}.asc\n"),
            format!("{a}  old/{NAME}\n"),
            format!("{a}\t{NAME}\n"),
            format!("SHA1 ({NAME}) = {a}\n"),
            format!("SHA256 ({NAME}) = {}\n", &a[2..]),
            format!("SHA256 ({NAME}) = {}zz\n", &a[2..]),
            format!("SHA256 (x) = {a}) ({NAME}\n"),
            "<html><body>404 Not Found</body></html>".to_owned(),
        ] {
            let error = sha256(&text).unwrap_err().to_string();
            assert!(error.contains("no line of it gives the sha256 of"), "{text}: {error}");
        }
    }
}
