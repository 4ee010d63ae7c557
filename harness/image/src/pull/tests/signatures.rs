//! What is signed, by whom, and what is not.

use super::*;

#[tokio::test]
async fn each_kind_of_signature_is_verified_at_pull_and_again_without_a_network() {
    for kind in [SignatureKind::ClearSigned, SignatureKind::Checksums, SignatureKind::Image] {
        let case = Case::signed(kind);
        let overrides = PullOptions { require_signature: true, ..PullOptions::default() };
        let pulled = case.pull_as(&overrides).await.unwrap();
        let Trust::Signed(key) = &pulled.trust else { panic!("{kind}: {pulled:?}") };
        assert_eq!(key.len(), 40, "{key}");
        case.server.asked(SUMS);
        assert_eq!(case.verify().await.unwrap().trust, pulled.trust, "{kind}");
        assert_eq!(case.server.asked(SUMS), []);
        // A key that the person names takes the place of the catalogue's, and must fit as well.
        let other = PullOptions { keyring: Some(KEYS.public("stranger")), ..PullOptions::default() };
        let refused = verify(case.cache(), "some", &case.download, &other).await.unwrap_err();
        assert_eq!(refused.failure_id().unwrap().as_str(), "image.signature", "{kind}: {refused}");
    }
}

#[tokio::test]
async fn a_signature_by_a_stranger_is_refused() {
    for kind in [SignatureKind::ClearSigned, SignatureKind::Checksums, SignatureKind::Image] {
        let mut case = Case::signed(kind);
        if let Some(signature) = &mut case.download.signature {
            signature.key = Some(KEYS.public("stranger").try_into().unwrap());
        }
        case.fails("image.signature", "not among the keys").await;
    }
}

#[tokio::test]
async fn bytes_that_were_not_signed_are_refused() {
    let wrong = format!("{}  {NAME}\n", "a1".repeat(32));
    // A clear-signed text in which a digest was changed, and one with another digest around it.
    let case = Case::signed(SignatureKind::ClearSigned);
    let signed = KEYS.sign("vendor", "--clear-sign", format!("{}  {NAME}\n", sha256(&bytes())).as_bytes());
    let changed = String::from_utf8(signed.clone()).unwrap().replace(&sha256(&bytes()), &"a1".repeat(32));
    case.server.file(SUMS, changed);
    case.fails("image.signature", "not made over these bytes").await;
    let about_other = KEYS.sign("vendor", "--clear-sign", format!("{}  other.raw\n", "b2".repeat(32)).as_bytes());
    let around = [wrong.as_bytes(), &about_other, wrong.as_bytes()].concat();
    case.server.file(SUMS, around);
    let error = case.pull().await.unwrap_err();
    assert!(matches!(error.failure_id().unwrap().as_str(), "image.checksum-file" | "image.signature"), "{error}");
    case.assert_nothing();

    let case = Case::signed(SignatureKind::Checksums);
    case.server.file(SUMS, wrong.as_str());
    case.fails("image.signature", "not made over these bytes").await;

    // Image and checksum file were both changed; the signature over the image tells.
    let case = Case::signed(SignatureKind::Image);
    let other = vec![3; 1000];
    case.server.file(IMAGE, other.clone()).file(SUMS, format!("{}  {NAME}\n", sha256(&other)));
    case.fails("image.signature", "not made over these bytes").await;
    assert_eq!(case.partial(), 0);
}

#[tokio::test]
async fn what_is_not_signed_at_all_is_refused_where_a_key_is_named() {
    let case = Case::signed(SignatureKind::ClearSigned);
    case.server.file(SUMS, format!("{}  {NAME}\n", sha256(&bytes())));
    case.fails("image.signature", "no OpenPGP signature").await;
    for kind in [SignatureKind::Checksums, SignatureKind::Image] {
        let case = Case::signed(kind);
        let path = if kind == SignatureKind::Image { "/images/image.sig" } else { "/images/CHECKSUM.asc" };
        case.server.file(path, "<html>soon</html>");
        case.fails("image.signature", "no OpenPGP signature").await;
        case.server.file(path, "");
        case.fails("image.signature", "none was fetched").await;
        case.server.set(path, Answer::Raw(head("404 Not Found", &["Content-Length: 0"])));
        case.fails("image.download", "answered 404").await;
    }
    // A keyring that is not there, or none, is no reason to do without.
    let mut case = Case::signed(SignatureKind::ClearSigned);
    let nowhere = case.cache.path().join("nowhere.gpg");
    if let Some(signature) = &mut case.download.signature {
        signature.key = nowhere.clone().try_into().ok();
    }
    case.fails("image.signature", "nowhere.gpg").await;
    std::fs::write(&nowhere, "rubbish").unwrap();
    case.fails("image.signature", "").await;
}

#[tokio::test]
async fn without_a_key_it_is_said_and_refused_where_a_signature_is_required() {
    let mut case = Case::signed(SignatureKind::ClearSigned);
    if let Some(signature) = &mut case.download.signature {
        signature.key = None;
        signature.key_from = "https://example.org/key".to_owned();
    }
    let required = PullOptions { require_signature: true, ..PullOptions::default() };
    let refused = case.pull_as(&required).await.unwrap_err();
    assert_eq!(refused.failure_id().unwrap().as_str(), "image.unsigned");
    assert!(refused.to_string().contains("https://example.org/key"), "{refused}");
    assert_eq!(case.server.asked(SUMS), []);
    case.assert_nothing();
    assert_eq!(case.pull().await.unwrap().trust, Trust::ChecksumOnly);
    let refused = verify(case.cache(), "some", &case.download, &required).await.unwrap_err();
    assert_eq!(refused.failure_id().unwrap().as_str(), "image.unsigned");
    // With the key, the same image becomes a signed one, and stays where it is.
    let keyring = Some(KEYS.public("vendor"));
    let signed = case.pull_as(&PullOptions { keyring, ..required.clone() }).await.unwrap();
    assert!(matches!(signed.trust, Trust::Signed(_)) && signed.was_there, "{signed:?}");
    // Once it is one, it stays one for the same bytes; what a look without the key verifies is less.
    assert_eq!(case.pull().await.unwrap().trust, signed.trust);
    assert_eq!(known(case.cache(), &case.download), Some(signed.trust));
    assert_eq!(case.verify().await.unwrap().trust, Trust::ChecksumOnly);

    let case = Case::new();
    let keyring = Some(KEYS.public("vendor"));
    for overrides in [required, PullOptions { keyring, ..PullOptions::default() }] {
        let refused = case.pull_as(&overrides).await.unwrap_err();
        assert_eq!(refused.failure_id().unwrap().as_str(), "image.unsigned", "{refused}");
    }
}
