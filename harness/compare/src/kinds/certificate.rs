//! Certificates that the system trusts: the anchors in its bundle, by the name of their subject.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use sha2::{Digest as _, Sha256};

use super::answer;
use crate::error::KindError;
use crate::item::{Field, Items, Part, compared};
use crate::kind::{FactKind, Scope};
use muster_base::text;
use muster_check::{Observations, Probe, shell};

/// The kind.
pub(crate) struct Certificate;

const KEY: &str = "compare/certificates";

const FIELDS: &[Field] = &[compared("sha256", "SHA-256 of the certificate, or of several with one subject.")];

/// The bundles of Fedora and its kin, of Debian's, and of Alpine's; the first that is there counts. Certificates that are in none
/// of them may be trusted all the same: a system that has some in these directories is not one without.
const SCRIPT: &str = r#"for f in /etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem /etc/pki/tls/certs/ca-bundle.crt \
  /etc/ssl/certs/ca-certificates.crt /etc/ssl/ca-bundle.pem /etc/ssl/cert.pem; do
  [ -e "$f" ] || continue
  cat "$f" && echo && echo '= end'
  exit
done
for d in /etc/ssl/certs /etc/pki/ca-trust /etc/ca-certificates /usr/share/ca-certificates /usr/share/pki /usr/local/share/ca-certificates; do
  [ -d "$d" ] || continue
  some=$(find "$d/" \( -name '*.pem' -o -name '*.crt' -o -name '*.cer' -o -name '*.p11-kit' -o -name '*.[0-9]' \) | head -n 1) || exit 1
  [ -z "$some" ] || { echo "certificates are there ($some), but no bundle of them that muster can read" >&2; exit 1; }
done
echo 'muster-absent no bundle of trusted certificates is there, and no certificate in the directories for them'"#;

impl FactKind for Certificate {
    fn name(&self) -> &'static str {
        "certificate"
    }

    fn what(&self) -> &'static str {
        "trusted certificates"
    }

    fn fields(&self) -> &'static [Field] {
        FIELDS
    }

    fn probes(&self, _: &Scope) -> Vec<Probe> {
        vec![Probe::new(KEY, 30, format!("{}{SCRIPT}", shell::need("find")))]
    }

    fn parse(&self, seen: &Observations) -> Result<Part, KindError> {
        let bundle = match answer::listed(seen, KEY)? {
            Ok(bundle) => bundle,
            Err(absent) => return Ok(absent),
        };
        let mut anchors: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for body in bodies(&bundle)? {
            let der = base64::engine::general_purpose::STANDARD.decode(&body)?;
            let subject = subject(&der).ok_or(KindError::Certificate)?;
            anchors.entry(subject).or_default().insert(text::hex(Sha256::digest(&der)));
        }
        // An empty bundle is a bundle: this system trusts nobody.
        let item = |(subject, sums): (String, BTreeSet<String>)| {
            (subject, answer::item([("sha256", &sums.into_iter().collect::<Vec<_>>().join(", "))]))
        };
        Ok(Part::Known(anchors.into_iter().map(item).collect::<Items>()))
    }
}

/// What stands between the lines of PEM, without line breaks.
fn bodies(bundle: &str) -> Result<Vec<String>, KindError> {
    let mut bodies = Vec::new();
    let mut open: Option<String> = None;
    for line in bundle.lines().map(str::trim) {
        match (line, &mut open) {
            // OpenSSL's own form has trust bits behind the certificate.
            ("-----BEGIN CERTIFICATE-----" | "-----BEGIN TRUSTED CERTIFICATE-----", None) => open = Some(String::new()),
            ("-----END CERTIFICATE-----" | "-----END TRUSTED CERTIFICATE-----", Some(body)) => {
                bodies.push(std::mem::take(body));
                open = None;
            }
            (line, Some(body)) if !line.starts_with('-') => body.push_str(line),
            (line, None) if !line.starts_with("-----") => {}
            (line, _) => return Err(answer::strange(line)),
        }
    }
    match open {
        Some(_) => Err(KindError::CutCertificate),
        None => Ok(bodies),
    }
}

/// The first value of DER and what follows it: its tag, its content. Lengths as X.690, 8.1.3, in the
/// definite form and at most four bytes.
fn value(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OBJECT: u8 = 0x06;

/// The subject of a certificate (RFC 5280, 4.1), its parts in order: `C=US, O=Example, CN=Example Root`.
fn subject(der: &[u8]) -> Option<String> {
    let (SEQUENCE, certificate, _) = value(der)? else { return None };
    let (SEQUENCE, mut rest, _) = value(certificate)? else { return None };
    // A version stands first in all but the oldest; then serial, algorithm, issuer and validity.
    if value(rest)?.0 == 0xa0 {
        rest = value(rest)?.2;
    }
    for _ in 0..4 {
        rest = value(rest)?.2;
    }
    let (SEQUENCE, mut names, _) = value(rest)? else { return None };
    let mut parts = Vec::new();
    while !names.is_empty() {
        let (SET, mut set, after) = value(names)? else { return None };
        names = after;
        while !set.is_empty() {
            let (SEQUENCE, pair, after) = value(set)? else { return None };
            set = after;
            let (OBJECT, oid, text) = value(pair)? else { return None };
            let (tag, text, _) = value(text)?;
            parts.push(format!("{}={}", attribute(oid), string(tag, text)));
        }
    }
    let subject = text::one_line(&parts.join(", "), 1000);
    Some(if subject.is_empty() { "(no subject)".to_owned() } else { subject })
}

/// Attribute types by the short names of RFC 4514; others by their digits in hexadecimal.
fn attribute(oid: &[u8]) -> String {
    match oid {
        [0x55, 0x04, 3] => "CN".into(),
        [0x55, 0x04, 5] => "serialNumber".into(),
        [0x55, 0x04, 6] => "C".into(),
        [0x55, 0x04, 7] => "L".into(),
        [0x55, 0x04, 8] => "ST".into(),
        [0x55, 0x04, 10] => "O".into(),
        [0x55, 0x04, 11] => "OU".into(),
        [0x55, 0x04, 97] => "organizationIdentifier".into(),
        other => text::hex(other),
    }
}

/// The text of a directory string: BMPString is UTF-16, all others are near enough to UTF-8.
fn string(tag: u8, bytes: &[u8]) -> String {
    if tag == 0x1e {
        let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
        return String::from_utf16_lossy(&units);
    }
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{known, seen};

    fn der(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        [&[tag, 0x82][..], &length, content].concat()
    }

    fn certificate(name: &str) -> Vec<u8> {
        let pair = der(SEQUENCE, &[der(OBJECT, &[0x55, 4, 3]), der(0x0c, name.as_bytes())].concat());
        let organisation = der(SEQUENCE, &[der(OBJECT, &[0x55, 4, 10]), der(0x1e, b"\0E\0x")].concat());
        let subject = der(SEQUENCE, &[der(SET, &organisation), der(SET, &pair)].concat());
        let empty = der(SEQUENCE, &[]);
        let body = [der(0xa0, &[2, 1, 2]), der(2, &[1]), empty.clone(), empty.clone(), empty, subject].concat();
        der(SEQUENCE, &der(SEQUENCE, &body))
    }

    fn pem(der: &[u8]) -> String {
        let body = base64::engine::general_purpose::STANDARD.encode(der);
        let (first, second) = body.split_at(60);
        format!("# a comment\n-----BEGIN CERTIFICATE-----\n{first}\n{second}\n-----END CERTIFICATE-----\n")
    }

    #[test]
    fn anchors_are_named_by_their_subject() {
        let bundle = format!("{}{}\n= end\n", pem(&certificate("Root A")), pem(&certificate("Root B")));
        let items = known(Certificate.parse(&seen(&[(KEY, &bundle)])));
        assert_eq!(items.keys().collect::<Vec<_>>(), ["O=Ex, CN=Root A", "O=Ex, CN=Root B"]);
        assert_eq!(items["O=Ex, CN=Root A"]["sha256"], text::hex(Sha256::digest(certificate("Root A"))));
    }

    #[test]
    fn what_is_cut_or_strange_is_an_error_and_never_fewer_anchors() {
        let whole = format!("{}\n= end\n", pem(&certificate("Root")));
        let parse = |text: &str| Certificate.parse(&seen(&[(KEY, text)]));
        assert!(parse(&whole.replace("-----END CERTIFICATE-----", "")).is_err());
        assert!(parse(&whole.replace("= end\n", "")).is_err());
        assert!(parse(&whole.replace("MI", "!!")).is_err());
        let real = certificate("Root");
        for length in 0..real.len() {
            assert_eq!(subject(&real[..length]), None, "{length}");
        }
    }

    #[test]
    fn endless_lengths_are_refused() {
        assert_eq!(value(&[SEQUENCE, 0x80, 0, 0]), None);
        assert_eq!(value(&[SEQUENCE, 0x84, 0xff, 0xff, 0xff, 0xff]), None);
        assert_eq!(value(&[SEQUENCE, 0x85, 0, 0, 0, 0, 1, 0]), None);
    }
}
