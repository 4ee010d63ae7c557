//! A certificate that somebody else has written: its envelope, the statement in it, its signature, and names of its evidence.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::shared::{assert_escaped_line, vocabulary};
use muster_base::text;
use muster_certificate::envelope::{Envelope, pae};
use muster_certificate::evidence::{Evidence, EvidenceKind, run_file};
use muster_certificate::names::{ENVELOPE, PAGE, SIGNATURE, SIGNED, TEST_RESULT};
use muster_certificate::parts::{self, Parts, payload};
use muster_certificate::refusal::Refusal;
use muster_certificate::sshsig::{NAMESPACE, SshSignature};
use muster_certificate::supportable::{Program, ShippedSuite};
use muster_certificate::verify::{Demands, verify};
use muster_certificate::written::page::page;

/// The bytes are an envelope, or what one holds, or a signature; their first line is the name of a file of the evidence.
pub fn certificate(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        name(text.lines().next().unwrap_or_default());
        if let Ok(signature) = SshSignature::of_armor(text) {
            again(&signature);
        }
        if let Ok(envelope) = Envelope::parse(text) {
            assert_eq!(envelope.render().expect("JSON"), text, "another file is the same envelope");
            again(&envelope.signature);
        }
        read(data.to_vec(), &signature());
    }
    if let Ok(signature) = SshSignature::parse(data) {
        again(&signature);
    }
    // With a signature of our own around it: no fuzzer finds base64 in base64.
    let envelope = Envelope { payload: data.to_vec(), signature: signature() };
    let written = envelope.render().expect("JSON");
    assert_eq!(Envelope::parse(&written).as_ref(), Ok(&envelope), "what was written is not read again");
    read(written.into_bytes(), &envelope.signature);
}

/// Only a name of its own kind is a run's, and a run's is always one file in the directory.
fn name(name: &str) {
    let file = run_file(name);
    assert_eq!(EvidenceKind::of(&file), EvidenceKind::Run, "{file:?}");
    assert_eq!(file.matches('/').count(), 1, "{file:?} leads elsewhere");
    if EvidenceKind::of(name) != EvidenceKind::Other {
        assert_eq!(name.matches('/').count(), 1, "{name:?} leads elsewhere");
    }
}

/// What was read of a signature is what is written of it.
fn again(signature: &SshSignature) {
    assert_eq!(SshSignature::of_armor(&signature.armor()).as_ref(), Ok(signature));
    assert_escaped_line(&signature.namespace);
}

/// A directory with this `certificate.json` and nothing that a key has signed.
fn read(envelope: Vec<u8>, signature: &SshSignature) {
    let files = BTreeMap::from([
        (ENVELOPE.to_owned(), envelope.clone()),
        (SIGNED.to_owned(), envelope.clone()),
        (SIGNATURE.to_owned(), signature.armor().into_bytes()),
        (TEST_RESULT.to_owned(), envelope),
        (PAGE.to_owned(), Vec::new()),
    ]);
    let (parts, refusals) = parts::read(&files);
    assert!(!refusals.is_empty(), "a certificate with the wrong files is refused");
    shown(&refusals);
    assert_eq!(parts::read(&files).1, refusals, "reading the same files twice differs");
    let Some(Parts { statement, envelope, .. }) = parts else { return };
    assert_eq!(payload(&statement).expect("JSON"), envelope.payload, "a byte of the statement is not read");
    let signed = pae(&envelope.payload);
    assert!(signed.ends_with(&envelope.payload));
    if let Some(page) = page(&statement, &envelope.signature.fingerprint) {
        assert_eq!(page.matches("<script").count(), 0, "the page has a script");
        assert_eq!(text::escape(&page), page, "the page is not escaped");
    }
    // Without evidence nothing is believed.
    let suite = ShippedSuite::default();
    let program = Program { muster: "1.0", vocabulary: &vocabulary(), supportable: &suite };
    let at: Timestamp = "2026-11-20T12:00:00Z".parse().expect("a time");
    let refusals = verify(&statement, &Evidence::default(), &Demands::default(), at, &program);
    assert!(!refusals.is_empty(), "a certificate without evidence is believed");
    shown(&refusals);
}

fn shown(refusals: &[Refusal]) {
    for refusal in refusals {
        assert_escaped_line(&refusal.message);
        assert!(refusal.message.chars().count() <= 500, "{refusal:?}");
    }
}

/// Of a key and bytes that are none: only their form is right.
fn signature() -> SshSignature {
    let mut blob = b"SSHSIG\0\0\0\x01".to_vec();
    for part in [b"a key".as_slice(), NAMESPACE.as_bytes(), b"", b"sha512", b"a signature"] {
        blob.extend(u32::try_from(part.len()).expect("short").to_be_bytes());
        blob.extend(part);
    }
    SshSignature::parse(&blob).expect("a signature")
}
