//! `download:` of an image: an address, and by what its file is known to be the right one.

use camino::{Utf8Path, Utf8PathBuf};

use super::super::decode::{Context, Fields};
use super::super::diagnostic::codes;
use super::super::value::{self, ValueError};
use super::super::yaml::Node;
use super::keys::{CHECKSUM, DOWNLOAD, SIGNATURE};
use muster_base::download::{ChecksumKind, SignatureKind};

/// A file of a vendor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Download {
    /// Where it is.
    pub url: String,
    /// The most bytes it may have, when that is stated.
    pub max_size: Option<u64>,
    /// Its digest, or where that is published.
    pub checksum: Checksum,
    /// What the vendor signed.
    pub signature: Option<Signature>,
}

/// The digest of a download. At least one of `value` and `url` is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checksum {
    /// Which digest.
    pub kind: ChecksumKind,
    /// The digest, lower-case hex of the length that its kind has: whatever else is published, only these bytes are taken.
    pub value: Option<String>,
    /// The vendor's checksum file, in which the download is found by its name.
    pub url: Option<String>,
}

/// What a vendor signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// What is signed, and how.
    pub kind: SignatureKind,
    /// Where it is; `None` exactly when the checksum file carries it.
    pub url: Option<String>,
    /// The vendor's public keys, binary or armoured, joined to the catalogue's directory.
    pub key: Option<Utf8PathBuf>,
    /// Where a person gets them; may be empty when `key` is there.
    pub key_from: String,
}

/// The longest address, in bytes.
const LONGEST_URL: usize = 2048;
/// The longest file name, in bytes: names of companions in the cache are made from it.
const LONGEST_NAME: usize = 100;

pub(super) fn download(cx: &mut Context<'_>, node: &Node, dir: &Utf8Path) -> Option<Download> {
    let fields = cx.fields(node, &DOWNLOAD)?;
    let url = fields.get("url").and_then(|node| cx.parsed(node, "url", file_url));
    let max_size = fields.get("max-size").and_then(|node| cx.parsed(node, "max-size", value::size));
    let checksum = fields.get("checksum").and_then(|node| checksum(cx, node));
    let signature = fields.get("signature").map(|node| signature(cx, node, dir));
    let download = Download {
        url: url?,
        max_size,
        checksum: checksum?,
        signature: match signature {
            Some(signature) => Some(signature?),
            None => None,
        },
    };
    agrees(cx, &fields, &download).then_some(download)
}

/// What the parts must be for each other.
fn agrees(cx: &mut Context<'_>, fields: &Fields<'_>, download: &Download) -> bool {
    let Download { url, checksum, signature, .. } = download;
    let in_checksums = signature.as_ref().is_some_and(|signature| signature.kind != SignatureKind::Image);
    if in_checksums && checksum.url.is_none() {
        if let Some(node) = fields.get("checksum") {
            let what = "the signature is one of the checksum file, so `checksum` needs its `url`";
            let problem = cx.problem(codes::MISSING_KEY, node.span, what);
            cx.report(problem);
        }
        return false;
    }
    // Whoever is on the way of a plain connection can change the file and its checksum alike.
    let is_plain = |url: &str| url.starts_with("http://") && !is_loopback(url);
    let anchored = checksum.value.is_some() || signature.as_ref().is_some_and(|signature| signature.key.is_some());
    if !anchored && (is_plain(url) || checksum.url.as_deref().is_some_and(is_plain)) {
        if let Some(node) = fields.get("url") {
            let what = "over http:// anybody on the way can change the file and its checksum file alike";
            let problem = cx
                .problem(codes::BAD_VALUE, node.span, what)
                .help("use https://, or state `checksum: {value: …}` or the `key` of a `signature`");
            cx.report(problem);
        }
        return false;
    }
    true
}

fn checksum(cx: &mut Context<'_>, node: &Node) -> Option<Checksum> {
    let fields = cx.fields(node, &CHECKSUM)?;
    let kind = fields.get("kind").and_then(|node| cx.choice(node, "kind"));
    let checksums = fields.get("url").and_then(|node| cx.parsed(node, "url", url));
    let value = fields.get("value").and_then(|node| {
        cx.parsed(node, "value", |text| match (kind, text.len()) {
            _ if !text.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                Err(ValueError::Invalid("a digest is written in hexadecimal digits".to_owned()))
            }
            (Some(ChecksumKind::Sha256), 64) | (Some(ChecksumKind::Sha512), 128) | (None, _) => {
                Ok(text.to_ascii_lowercase())
            }
            (Some(kind), length) => Err(ValueError::Invalid(format!("{length} digits are not a {kind}"))),
        })
    });
    if !fields.has("url") && !fields.has("value") {
        let problem = cx.problem(codes::MISSING_KEY, node.span, "`checksum` needs `value`, `url` or both");
        cx.report(problem);
        return None;
    }
    // What is written and could not be read must not look as if it were not written.
    let unread =
        (fields.get("url").is_some() && checksums.is_none()) || (fields.get("value").is_some() && value.is_none());
    (!unread).then_some(())?;
    Some(Checksum { kind: kind?, value, url: checksums })
}

fn signature(cx: &mut Context<'_>, node: &Node, dir: &Utf8Path) -> Option<Signature> {
    let fields = cx.fields(node, &SIGNATURE)?;
    let kind = fields.get("kind").and_then(|node| cx.choice(node, "kind"));
    let place = fields.get("url").and_then(|node| cx.parsed(node, "url", url));
    let key = fields.get("key").and_then(|node| cx.line(node, "key")).map(|text| dir.join(text.text));
    let key_from = fields.get("key-from").and_then(|node| cx.line(node, "key-from"));
    match (kind?, fields.entry("url")) {
        (SignatureKind::ClearSigned, Some((key, _))) => {
            let what = "a clear-signed checksum file carries its signature: `url` is that of the checksum file";
            let problem = cx.problem(codes::WRONG_SHAPE, key.span, what);
            cx.report(problem);
            return None;
        }
        (SignatureKind::ClearSigned, None) | (_, Some(_)) => {}
        (_, None) if fields.meant("url") => return None,
        (kind, None) => {
            let problem = cx.problem(codes::MISSING_KEY, node.span, format!("a {kind} signature needs its `url`"));
            cx.report(problem);
            return None;
        }
    }
    if !fields.has("key") && !fields.has("key-from") {
        let what = "nobody can check a signature without a key: it needs `key` or `key-from`";
        let problem = cx.problem(codes::MISSING_KEY, node.span, what);
        cx.report(problem);
        return None;
    }
    let unread = (fields.get("url").is_some() && place.is_none()) || (fields.get("key").is_some() && key.is_none());
    (!unread).then_some(())?;
    Some(Signature { kind: kind?, url: place, key, key_from: key_from.map_or(String::new(), |text| text.text) })
}

/// The address of a file, whose last part is a plain file name.
fn file_url(text: &str) -> Result<String, ValueError> {
    let url = url(text)?;
    let name = url.rsplit('/').next().unwrap_or_default();
    let plain = |c: char| c.is_ascii_alphanumeric() || "._+-".contains(c);
    match !name.is_empty() && name.len() <= LONGEST_NAME && name.chars().all(plain) && !name.starts_with(['.', '-']) {
        true => Ok(url),
        false => Err(ValueError::Invalid("the address must end in a plain file name".to_owned())),
    }
}

fn url(text: &str) -> Result<String, ValueError> {
    let invalid = |what: &str| Err(ValueError::Invalid(what.to_owned()));
    let Some(rest) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) else {
        return invalid("an address begins with https:// or http://");
    };
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    if host.is_empty() || path.is_empty() {
        return invalid("an address has a host and a path");
    }
    if host.contains('@') {
        return invalid("an address in a catalogue holds no user and no password");
    }
    if text.len() > LONGEST_URL || !text.bytes().all(|byte| byte.is_ascii_graphic()) || text.contains('#') {
        return invalid("an address has at most 2048 visible ASCII characters and no `#`");
    }
    Ok(text.to_owned())
}

fn is_loopback(url: &str) -> bool {
    let host = url.strip_prefix("http://").and_then(|rest| rest.split('/').next()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    matches!(name, "127.0.0.1" | "localhost" | "[::1]")
}

#[cfg(test)]
mod tests {
    use super::super::{Disk, decode_source};
    use super::*;
    use crate::testing::VOCABULARY;

    const GOOD: &str = "
schema: images/v1
images:
  - id: far
    disk:
      download:
        url: https://example.org/images/far-1.qcow2.xz
        max-size: 1 GiB
        checksum: {url: https://example.org/images/CHECKSUM, kind: sha256}
        signature: {kind: clear-signed, key: keys/far.gpg}
    seed: nocloud
    user: far
    needs-cpu: x86-64-v3
    quirks: [it is far away, its clock is slow]
    never-booted: no network here
";

    fn codes_of(text: &str) -> Vec<&'static str> {
        decode_source("x.yaml", text, "".into(), &VOCABULARY).1.iter().map(|d| d.code).collect()
    }

    #[test]
    fn a_download_has_what_was_written() {
        let (entries, problems) = decode_source("images/x.yaml", GOOD, "images".into(), &VOCABULARY);
        assert_eq!(problems.render(false), "");
        let Disk::Download(download) = &entries[0].disk else { panic!("{entries:?}") };
        let expected = Download {
            url: "https://example.org/images/far-1.qcow2.xz".to_owned(),
            max_size: Some(1 << 30),
            checksum: Checksum {
                kind: ChecksumKind::Sha256,
                value: None,
                url: Some("https://example.org/images/CHECKSUM".to_owned()),
            },
            signature: Some(Signature {
                kind: SignatureKind::ClearSigned,
                url: None,
                key: Some("images/keys/far.gpg".into()),
                key_from: String::new(),
            }),
        };
        assert_eq!(**download, expected);
        assert_eq!((entries[0].needs_cpu, entries[0].quirks.len()), (Some("x86-64-v3"), 2));
        assert_eq!(entries[0].never_booted.as_deref(), Some("no network here"));
    }

    #[test]
    fn addresses_that_lead_elsewhere_are_refused() {
        for url in [
            "file:///etc/passwd",
            "ftp://example.org/x.qcow2",
            "https://user:word@example.org/x.qcow2",
            "https://example.org/images/",
            "https://example.org/x.qcow2?latest",
            "https://example.org/a b.qcow2",
            "https:///x.qcow2",
            "https://example.org",
        ] {
            let text = GOOD.replace("https://example.org/images/far-1.qcow2.xz", &format!("\"{url}\""));
            assert_eq!(codes_of(&text), ["bad-value"], "{url}");
        }
    }

    #[test]
    fn what_could_not_be_trusted_is_refused() {
        let pinned = format!("value: {}", "a1".repeat(32));
        let checksum = "{url: https://example.org/images/CHECKSUM, kind: sha256}";
        let unsigned = GOOD.replace("        signature: {kind: clear-signed, key: keys/far.gpg}\n", "");
        assert_eq!(codes_of(&unsigned), [""; 0]);
        // A plain connection proves nothing, unless the bytes are known some other way.
        let plain = unsigned.replace("https:", "http:");
        assert_eq!(codes_of(&plain), ["bad-value"]);
        assert_eq!(codes_of(&GOOD.replace("https:", "http:")), [""; 0]);
        assert_eq!(
            codes_of(&plain.replace(&checksum.replace("https:", "http:"), &format!("{{{pinned}, kind: sha256}}"))),
            [""; 0]
        );
        assert_eq!(codes_of(&plain.replace("example.org", "127.0.0.1:8080")), [""; 0]);
        assert_eq!(codes_of(&plain.replace("example.org", "127.0.0.1.example.org")), ["bad-value"]);
        for (to, code) in [
            ("{kind: sha256}", "missing-key"),
            ("{url: https://example.org/CHECKSUM}", "missing-key"),
            ("{url: https://example.org/CHECKSUM, kind: md5}", "bad-value"),
            (&format!("{{{pinned}, kind: sha512}}"), "bad-value"),
            ("{value: none of that, kind: sha256}", "bad-value"),
        ] {
            assert_eq!(codes_of(&unsigned.replace(checksum, to)), [code], "{to}");
        }
        // The signature is over a checksum file that nobody names.
        assert_eq!(codes_of(&GOOD.replace(checksum, &format!("{{{pinned}, kind: sha256}}"))), ["missing-key"]);
    }

    #[test]
    fn a_signature_has_a_place_and_a_key() {
        let signature = "{kind: clear-signed, key: keys/far.gpg}";
        for (to, codes) in [
            ("{kind: clear-signed, key-from: https://example.org/key}", vec![]),
            ("{kind: clear-signed}", vec!["missing-key"]),
            ("{kind: clear-signed, key: k, url: https://example.org/s}", vec!["wrong-shape"]),
            ("{kind: detached-image, key: k}", vec!["missing-key"]),
            ("{kind: detached-image, key: k, url: https://example.org/x.sig}", vec![]),
            ("{kind: detached-checksums, key: k, url: https://example.org/x.asc}", vec![]),
            ("{kind: detached, key: k, url: https://example.org/x.asc}", vec!["bad-value"]),
        ] {
            assert_eq!(codes_of(&GOOD.replace(signature, to)), codes, "{to}");
        }
    }

    #[test]
    fn a_disk_comes_from_one_place_and_a_description_was_booted_or_not() {
        let both = GOOD.replace("      download:", "      path: x.qcow2\n      download:");
        assert_eq!(codes_of(&both), ["wrong-shape"]);
        let booted = GOOD.replace("    never-booted:", "    verified: last week\n    never-booted:");
        assert_eq!(codes_of(&booted), ["wrong-shape"]);
        let brought = "
schema: images/v1
images:
  - {id: mine, disk: {bring: {path: brought/mine.vhd, steps: [build it, put it there]}}, seed: nocloud, user: me}
";
        let (entries, problems) = decode_source("images/x.yaml", brought, "images".into(), &VOCABULARY);
        assert_eq!(problems.render(false), "");
        let steps = vec!["build it".to_owned(), "put it there".to_owned()];
        assert_eq!(entries[0].disk, Disk::Bring { path: "images/brought/mine.vhd".into(), steps });
        assert_eq!(codes_of(&brought.replace(", steps: [build it, put it there]", "")), ["missing-key"]);
    }
}
