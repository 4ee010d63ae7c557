//! The files of a certificate, its page, and what is printed of a verification.

use super::super::*;
use super::{verified, waived};
use crate::model::PageForm;
use crate::names::FILES;
use crate::parts;
use crate::testing::{AT, Scene, digest, signature};
use crate::written::{page, text};
use sha2::{Digest as _, Sha256};

#[test]
fn every_file_follows_from_what_was_signed() {
    let (statement, _) = waived("2026-12-31").statement();
    let made = parts::files(&statement, &signature(), &signature()).unwrap();
    let files: std::collections::BTreeMap<String, Vec<u8>> =
        made.into_iter().map(|(name, bytes)| (name.to_owned(), bytes)).collect();
    let (read, refusals) = parts::read(&files);
    assert_eq!(refusals, []);
    let read = read.unwrap();
    assert_eq!(read.statement, statement);
    assert!(String::from_utf8_lossy(&read.test_result.unwrap().payload).contains("\"result\":\"WARNED\""));
    for name in FILES {
        let mut fewer = files.clone();
        fewer.remove(name);
        assert!(!parts::read(&fewer).1.is_empty(), "{name} is missing");
        let bytes = &files[name];
        for at in (0..bytes.len()).step_by(bytes.len() / 97 + 1) {
            let mut other = files.clone();
            other.get_mut(name).unwrap()[at] ^= 4;
            let (parts, refusals) = parts::read(&other);
            // What may be left to the signature: another payload, or another signature.
            let signed = parts.is_some_and(|parts| {
                parts.statement != statement
                    || parts.envelope.signature != signature()
                    || parts.test_result.is_none_or(|result| result.signature != signature())
            });
            assert!(!refusals.is_empty() || signed, "{name}, byte {at}");
        }
    }
}

#[test]
fn the_page_escapes_what_guests_say_and_stays_as_it_is() {
    let (statement, _) = waived("2026-12-31").statement();
    let page = page::page(&statement, &signature().fingerprint).unwrap();
    assert!(page.contains("6.12.0&lt;script&gt;") && !page.contains("<script"));
    for part in ["it ships with it", "bug 1", "Assurance <b>self</b>", "ssh-keygen -Y verify", &digest(0xab)] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
    assert!(page.starts_with("<!doctype html>") && page.contains("default-src 'none'"));
    // Every required test with its summary, how it stands, and the cell of the waiver.
    let required = "<td><code>s/b</code><br><small>";
    assert!(page.contains(required) && page.contains("<small>waiver: accelerator=kvm, image=lab</small>"), "{page}");
    let supportable = "<td><code>supportable/kernel-untainted</code>";
    assert!(page.contains(supportable) && page.contains("<th>Cell</th>"), "{page}");
    // A verifier makes both again: another page is a new form, another test result is `certificate/v2`.
    let result = parts::payload(&crate::test_result::test_result(&statement.predicate)).unwrap();
    let digest = |bytes: &[u8]| muster_base::text::hex(Sha256::digest(bytes))[..16].to_owned();
    let mut first = statement.clone();
    first.predicate.claim.page_form = PageForm(1);
    let earlier = page::page(&first, &signature().fingerprint).unwrap();
    assert!(!earlier.contains("Required tests"));
    assert_eq!(
        (digest(earlier.as_bytes()), digest(page.as_bytes()), digest(&result)),
        (PAGE_V1.into(), PAGE_V2.into(), RESULT_V1.into()),
        "certificate/v1 has changed"
    );
}

#[test]
fn a_page_of_a_form_that_is_not_known_is_refused_by_name() {
    let (mut statement, _) = Scene::new("").statement();
    assert_eq!(statement.predicate.claim.page_form, PageForm::NEWEST);
    // Certificates that name none have the first form, and nothing that came later.
    let mut first = statement.clone();
    first.predicate.claim.page_form = PageForm(1);
    assert_eq!(verified(&first, &Scene::new("").evidence(), &Demands::default(), AT), ["evidence.disagrees"]);
    first.predicate.tests.clear();
    assert_eq!(verified(&first, &Scene::new("").evidence(), &Demands::default(), AT), Vec::<&str>::new());
    let text = String::from_utf8(parts::payload(&first).unwrap()).unwrap();
    assert!(!text.contains("page-form") && !text.contains("\"tests\""), "{text}");
    statement.predicate.claim.page_form = PageForm(PageForm::NEWEST.0 + 1);
    assert_eq!(verified(&statement, &Scene::new("").evidence(), &Demands::default(), AT), Vec::<&str>::new());
    let mut files: std::collections::BTreeMap<String, Vec<u8>> = parts::files(&statement, &signature(), &signature())
        .unwrap()
        .into_iter()
        .map(|(name, bytes)| (name.to_owned(), bytes))
        .collect();
    assert!(!files.contains_key("certificate.html"), "nothing is written in a form that is not known");
    files.insert("certificate.html".into(), b"<p>from a later version".to_vec());
    let (read, refusals) = parts::read(&files);
    assert!(read.is_some());
    let ids: Vec<&str> = refusals.iter().map(|refusal| refusal.id.name()).collect();
    assert_eq!(ids, ["format.page"], "{refusals:?}");
}

/// Of the page of a certificate with a waiver.
const PAGE_V1: &str = "dd8e34aaff5198b7";
const PAGE_V2: &str = "bc4d15f3733d1f0b";
/// Of its test result.
const RESULT_V1: &str = "ce3b3d7cd23d88f1";

#[test]
fn a_verification_is_printed_with_every_reason_and_what_to_do() {
    let refusals = vec![
        Refusal::new(RefusalId::ResultFailed, "a"),
        Refusal::new(RefusalId::ResultFailed, "b\x1b"),
        Refusal::new(RefusalId::TimeExpired, "c"),
    ];
    let verification = Verification {
        schema: SCHEMA,
        accepted: false,
        at: AT.into(),
        refusals,
        signer: None,
        key: None,
        not_compared: Vec::new(),
    };
    let text = text::text(&verification, None);
    assert!(
        text.starts_with("REFUSED: 3 reasons\n  result.failed: a\n  result.failed: b\\x1b\n    next: fix"),
        "{text}"
    );
    assert_eq!(text.matches("next: ").count(), 2);
    let schema: serde_json::Value = serde_json::from_str(VERIFICATION_SCHEMA).unwrap();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    assert!(validator.is_valid(&serde_json::to_value(&verification).unwrap()));
}
