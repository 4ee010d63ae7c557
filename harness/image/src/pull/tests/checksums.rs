//! Digests that are stated, published, or wrong.

use super::*;

#[tokio::test]
async fn a_cached_file_that_was_tampered_with_is_found_out_by_verify_pull_and_run() {
    let case = Case::new();
    let path = case.pull().await.unwrap().path;
    let mut other = bytes();
    other[1000] ^= 1;
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, &other).unwrap();
    assert_eq!(case.verify().await.unwrap_err().failure_id().unwrap().as_str(), "image.checksum");
    let spec = ImageSpec::new("some", DiskSource::Download(case.download.clone()), Format::Raw);
    let used = crate::prepare::prepare_in(case.cache(), Path::new("."), &spec, false).await.unwrap_err();
    assert_eq!(used.failure_id().unwrap().as_str(), "image.checksum", "{used}");
    assert!(!case.pull().await.unwrap().was_there);
    assert_eq!(case.verify().await.unwrap().sha256, sha256(&bytes()));
    let ready = crate::prepare::prepare_in(case.cache(), Path::new("."), &spec, false).await.unwrap();
    assert_eq!(ready.sha256, sha256(&bytes()));
    // Cut short, it is not there at all.
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, &bytes()[..1000]).unwrap();
    let used = crate::prepare::prepare_in(case.cache(), Path::new("."), &spec, false).await.unwrap_err();
    assert!(used.to_string().contains("muster images pull some"), "{used}");
    assert_eq!(case.verify().await.unwrap_err().failure_id().unwrap().as_str(), "image.missing");
}

#[tokio::test]
async fn checksums_that_do_not_fit_are_refused_before_anything_is_fetched() {
    let (right, wrong) = (sha256(&bytes()), "a1".repeat(32));
    for (text, id, word) in [
        (format!("{right}  {NAME}\n{wrong}  {NAME}\n"), "image.checksum-file", "twice"),
        (format!("{right}  other-1.0.raw\n"), "image.checksum-file", "no line of it"),
        ("<html>404</html>".to_owned(), "image.checksum-file", "no line of it"),
        (String::new(), "image.checksum-file", "no line of it"),
    ] {
        let case = Case::new();
        case.server.file(SUMS, text.as_str());
        case.fails(id, word).await;
        assert_eq!(case.server.asked(IMAGE), [], "{text}");
    }
    let case = Case::new();
    case.server.file(SUMS, format!("{wrong}  {NAME}\n"));
    case.fails("image.checksum", &format!("is {right} and must be {wrong}")).await;
    assert_eq!(case.partial(), 0);
}

#[tokio::test]
async fn a_stated_digest_needs_no_checksum_file_and_beats_one() {
    let mut case = Case::new();
    case.download.checksum.value = Some(sha256(&bytes()));
    let pulled = case.pull().await.unwrap();
    assert_eq!((pulled.trust, case.server.asked(SUMS)), (Trust::Pinned, vec![]));
    // The second time nobody is asked for anything.
    case.server.asked(IMAGE);
    assert!(case.pull().await.unwrap().was_there);
    assert_eq!((case.server.asked(SUMS), case.server.asked(IMAGE)), (vec![], vec![]));
    case.download.checksum.value = Some("00".repeat(32));
    case.fails("image.checksum", "is not what was published").await;

    let mut case = Case::signed(SignatureKind::ClearSigned);
    case.download.checksum.value = Some("00".repeat(32));
    case.fails("image.checksum-file", "where the catalogue states").await;
}

#[tokio::test]
async fn sha512_is_compared_as_such_and_a_run_compares_too() {
    let mut case = Case::new();
    let long = muster_base::text::hex(Sha512::digest(bytes()));
    case.server.file(SUMS, format!("# SHA512 HASH\n{long}  {NAME}\n"));
    case.download.checksum.kind = ChecksumKind::Sha512;
    assert_eq!(case.pull().await.unwrap().sha256, sha256(&bytes()));
    assert!(case.verify().await.is_ok());
    case.server.file(SUMS, format!("# SHA512 HASH\n{}  {NAME}\n", "0".repeat(128)));
    let wrong = case.pull().await.unwrap_err();
    assert!(wrong.to_string().contains("its sha512 is"), "{wrong}");
}

#[tokio::test]
async fn another_address_or_another_stated_digest_is_another_file() {
    let case = Case::new();
    let place = |download: &Download| StoredDownload::look(case.cache.path(), download).path();
    let mut other = case.download.clone();
    other.checksum.value = Some("00".repeat(32));
    let mut elsewhere = case.download.clone();
    elsewhere.url.insert(8, 'x');
    let places = [place(&case.download), place(&other), place(&elsewhere)];
    assert!(places[0] != places[1] && places[1] != places[2] && places[0] != places[2], "{places:?}");
}
