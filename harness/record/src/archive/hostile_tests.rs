//! Archives that nobody may believe, and one that everybody may.

use std::fs::File;
use std::io::{Cursor, Write as _};

use camino::{Utf8Path, Utf8PathBuf};
use sha2::{Digest as _, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::limits::{FREE_OF_RATIO, LARGEST_ARCHIVE, MOST_FILES};
use super::manifest::{Listed, Manifest};
use super::*;
use crate::fold::Recorder;
use crate::journal::Journal;
use crate::layout::RunDir;
use crate::{json, open, sample};
use muster_base::fault::Fault as _;
use muster_base::text::hex;

struct Place {
    temporary: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { temporary: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> Utf8PathBuf {
        Utf8PathBuf::from_path_buf(self.temporary.path().join(name)).unwrap()
    }

    /// The directory of the sample run, with what may and what may not be handed around.
    fn run(&self, name: &str) -> RunDir {
        let dir = RunDir::create(&self.path(name)).unwrap();
        let mut journal = Journal::create(&dir.events()).unwrap();
        sample::events().iter().for_each(|event| journal.append(event).unwrap());
        std::fs::write(dir.run_json(), json::render(&Recorder::fold(&sample::events())).unwrap()).unwrap();
        for (file, text) in [
            ("junit.xml", "<testsuites/>"),
            ("machines/m1/console.log", "Linux version 6.12\n"),
            ("machines/m1/disk.qcow2", "secret"),
            ("machines/m1/seed/user-data", "secret"),
            ("key-x/id_ed25519", "secret"),
            ("capsules/c/memory", "secret"),
            ("tests/base/hostile@lab/triage.md", "what is known\n"),
        ] {
            let path = dir.root().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        std::os::unix::fs::symlink("/etc/passwd", dir.tests().join("link")).unwrap();
        dir
    }

    fn write(&self, bytes: &[u8]) -> Utf8PathBuf {
        let path = self.path("x.zip");
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// Why this is refused.
    fn refusal(&self, bytes: &[u8]) -> Refusal {
        match unpack(&self.write(bytes)) {
            Err(ArchiveError::Refused { why, .. }) => why,
            other => panic!("{other:?}"),
        }
    }
}

fn options() -> SimpleFileOptions {
    SimpleFileOptions::default().compression_method(CompressionMethod::Stored)
}

fn listed(name: &str, text: &str) -> Listed {
    Listed { name: name.to_owned(), bytes: text.len() as u64, sha256: hex(Sha256::digest(text)) }
}

/// A zip of these files and of a manifest that lists others.
fn zip_of(files: &[(&str, &str)], manifest: &[Listed]) -> Vec<u8> {
    let manifest = Manifest { schema: SCHEMA.to_owned(), run: "r".to_owned(), files: manifest.to_vec() };
    let manifest = serde_json::to_string(&manifest).unwrap();
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in files.iter().copied().chain([(MANIFEST, manifest.as_str())]) {
        zip.start_file(name, options()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// Every place of `from` becomes `to`, of the same length.
fn replaced(mut bytes: Vec<u8>, from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let places: Vec<usize> = (0..=bytes.len() - from.len()).filter(|at| bytes[*at..].starts_with(from)).collect();
    assert!(!places.is_empty());
    places.into_iter().for_each(|at| bytes[at..at + to.len()].copy_from_slice(to));
    bytes
}

#[test]
fn a_run_comes_back_as_it_was_without_what_is_not_to_be_handed_around() {
    let place = Place::new();
    let dir = place.run("run");
    let (one, two) = (place.path("one.zip"), place.path("two.zip"));
    let packed = pack(&dir, "r", &["junit.xml", "report.html"], &one).unwrap();
    assert_eq!((packed.files, packed.left_out.as_slice()), (5, ["tests/link".to_owned()].as_slice()));
    // Times of files and their order in the directory are no part of it.
    let other = place.run("other");
    pack(&other, "r", &["report.html", "junit.xml"], &two).unwrap();
    let bytes = std::fs::read(&one).unwrap();
    assert!(bytes == std::fs::read(&two).unwrap(), "the same run gives the same bytes");
    assert!(!bytes.windows(6).any(|window| window == b"secret"));
    let unpacked = unpack(&one).unwrap();
    let manifest = std::fs::read_to_string(unpacked.path().join(MANIFEST)).unwrap();
    let validator = jsonschema::draft202012::new(&serde_json::from_str(MANIFEST_SCHEMA).unwrap()).unwrap();
    assert!(validator.is_valid(&serde_json::from_str(&manifest).unwrap()), "{manifest}");
    for file in ["run.json", "events.jsonl", "junit.xml", "machines/m1/console.log", "tests/base/hostile@lab/triage.md"]
    {
        let same = std::fs::read(unpacked.path().join(file)).unwrap() == std::fs::read(dir.root().join(file)).unwrap();
        assert!(same, "{file}");
    }
    let opened = open::open(&one).unwrap();
    assert_eq!(opened.record, open::open(dir.root()).unwrap().record);
    let gone = opened.dir.root().to_owned();
    assert!(gone.is_dir());
    drop((opened, unpacked));
    assert!(!gone.exists(), "what was unpacked is removed");
}

#[test]
fn nothing_is_overwritten_and_no_run_is_archived_that_goes_on() {
    let place = Place::new();
    let dir = place.run("run");
    let there = place.write(b"precious");
    let said = |result: Result<Packed, ArchiveError>| result.unwrap_err().to_string();
    assert!(said(pack(&dir, "r", &[], &there)).ends_with("it is there already, and is not overwritten"));
    assert_eq!(std::fs::read(&there).unwrap(), b"precious");
    let journal = File::open(dir.events()).unwrap();
    journal.lock().unwrap();
    let new = place.path("new.zip");
    assert!(said(pack(&dir, "r", &[], &new)).contains("the run goes on"));
    assert!(!new.exists());
}

#[test]
fn what_repeats_itself_is_stored_so_that_no_reader_takes_it_for_a_bomb() {
    let place = Place::new();
    let dir = place.run("run");
    let console = File::create(dir.machine("m1").join("console.log")).unwrap();
    console.set_len(FREE_OF_RATIO + 1).unwrap();
    let path = place.path("large.zip");
    assert!(pack(&dir, "r", &[], &path).unwrap().bytes > FREE_OF_RATIO);
    unpack(&path).unwrap();
}

#[test]
fn every_way_to_lead_astray_is_refused_by_its_name() {
    let place = Place::new();
    let a = || listed("a.json", "x");
    // As it should be.
    assert!(unpack(&place.write(&zip_of(&[("a.json", "x")], &[a()]))).is_ok());
    for name in ["../a.json", "/a.json", "b/../../a.json", "b\\a.json", "b/./a.json", "b\n.json", "d/"] {
        let refusal = place.refusal(&zip_of(&[(name, "x")], &[listed(name, "x")]));
        assert!(matches!(&refusal, Refusal::Name(_)), "{name:?}: {refusal}");
        assert!(!refusal.to_string().contains('\n'));
    }
    let twice = zip_of(&[("a.json", "x"), ("b.json", "x")], &[a()]);
    assert!(matches!(place.refusal(&replaced(twice, b"b.json", b"a.json")), Refusal::Twice(_)));
    // A file and a directory of one name.
    let both = zip_of(&[("a", "x"), ("a/b", "x")], &[listed("a", "x"), listed("a/b", "x")]);
    assert!(unpack(&place.write(&both)).is_err());

    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.add_symlink("run.json", "/etc/passwd", options()).unwrap();
    let link = zip.finish().unwrap().into_inner();
    assert_eq!(place.refusal(&link), Refusal::NotPlain("run.json".to_owned()));
    let mut device = zip_of(&[("a.json", "x")], &[a()]);
    let entry = device.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    device[entry + 41] = 0x21;
    assert_eq!(place.refusal(&device), Refusal::NotPlain("a.json".to_owned()), "a character device");

    let missing = zip_of(&[("a.json", "x")], &[a(), listed("b.json", "x")]);
    assert_eq!(place.refusal(&missing), Refusal::Missing("b.json".to_owned()));
    let unlisted = zip_of(&[("a.json", "x"), ("b.json", "x")], &[a()]);
    assert_eq!(place.refusal(&unlisted), Refusal::Unlisted("b.json".to_owned()));
    let changed = zip_of(&[("a.json", "y")], &[a()]);
    assert_eq!(place.refusal(&changed), Refusal::Digest("a.json".to_owned()));
    let newer = replaced(zip_of(&[], &[]), b"archive/v1", b"archive/v2");
    // The checksum of the zip itself no longer fits either; whichever is found first.
    assert!(matches!(place.refusal(&newer), Refusal::Newer(_) | Refusal::NoZip(_)));
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("a.json", options()).unwrap();
    assert_eq!(place.refusal(&zip.finish().unwrap().into_inner()), Refusal::NoManifest);
}

#[test]
fn a_manifest_of_a_newer_version_and_one_that_is_none_are_refused() {
    let place = Place::new();
    let with = |text: &str| {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        zip.start_file(MANIFEST, options()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
        zip.finish().unwrap().into_inner()
    };
    let newer = place.refusal(&with(r#"{"schema": "archive/v2\u001b[2J", "else": 1}"#));
    assert_eq!(newer, Refusal::Newer("archive/v2\\x1b[2J".to_owned()));
    for text in ["", "{}", "[]", r#"{"schema": "archive/v1"}"#] {
        assert!(matches!(place.refusal(&with(text)), Refusal::Manifest(_)), "{text}");
    }
}

#[test]
fn what_is_cut_or_damaged_anywhere_is_refused() {
    let place = Place::new();
    let whole = zip_of(
        &[("a.json", "some text"), ("b.json", "more")],
        &[listed("a.json", "some text"), listed("b.json", "more")],
    );
    for cut in 0..whole.len() {
        let error = unpack(&place.write(&whole[..cut])).expect_err(&format!("cut after {cut}"));
        let ArchiveError::Refused { why, .. } = &error else { panic!("{error}") };
        // From the first file to the last byte but those of the record at the end, it is said to be cut.
        if (4..whole.len() - 22).contains(&cut) {
            assert_eq!(*why, Refusal::CutShort, "cut after {cut}");
            assert_eq!(error.hint().as_deref(), Some("fetch it again, whole"));
        }
    }
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x55;
        // What still opens says the same of every file: times, versions and comments are not believed anyway.
        if let Ok(unpacked) = unpack(&place.write(&damaged)) {
            assert_eq!(std::fs::read(unpacked.path().join("a.json")).unwrap(), b"some text", "byte {at}");
            assert_eq!(std::fs::read(unpacked.path().join("b.json")).unwrap(), b"more", "byte {at}");
        }
    }
    let encrypted = |mut bytes: Vec<u8>| {
        for (mark, flag) in [(b"PK\x03\x04", 6), (b"PK\x01\x02", 8)] {
            let places: Vec<usize> = (0..bytes.len() - 4).filter(|at| bytes[*at..].starts_with(mark)).collect();
            places.into_iter().for_each(|at| bytes[at + flag] |= 1);
        }
        bytes
    };
    assert!(unpack(&place.write(&encrypted(whole))).is_err());
}

#[test]
fn bounds_hold_for_the_file_its_entries_and_what_they_unpack_to() {
    let place = Place::new();
    let path = place.path("large.zip");
    File::create(&path).unwrap().set_len(LARGEST_ARCHIVE + 1).unwrap();
    let error = unpack(&path).unwrap_err();
    assert!(error.to_string().ends_with("it is larger than 1024 MiB, the most that is read of an archive"), "{error}");
    assert_eq!(error.exit(), muster_base::exit::Exit::Invalid);
    // Counted before the list is read, also where an entry begins in one read and ends in the next.
    let mut many = b"PK\x01\x02".repeat(MOST_FILES + 1);
    many.insert(0, 0);
    assert_eq!(place.refusal(&many), Refusal::Files);

    let bomb = place.path("bomb.zip");
    let mut zip = ZipWriter::new(File::create(&bomb).unwrap());
    zip.start_file("zeros", options().compression_method(CompressionMethod::Deflated)).unwrap();
    let zeros = vec![0; 1 << 20];
    (0..=FREE_OF_RATIO >> 20).for_each(|_| zip.write_all(&zeros).unwrap());
    zip.finish().unwrap();
    match unpack(&bomb) {
        Err(ArchiveError::Refused { why, .. }) => assert_eq!(why, Refusal::Ratio),
        other => panic!("{other:?}"),
    }
    assert!(matches!(unpack(Utf8Path::new("/nowhere.zip")), Err(ArchiveError::File(_))));
}
