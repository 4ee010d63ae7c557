use std::process::{Command, Stdio};

use camino::Utf8Path;
use muster_base::text::hex;
use sha2::{Digest as _, Sha256, Sha512};

use super::*;
use crate::comps::GroupKind;

fn tiny() -> Utf8PathBuf {
    Utf8PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata/tiny")
}

fn read_at(path: &Utf8Path, interest: &Interest) -> Result<Index, RepodataError> {
    read(&[RepositoryDir { id: "r".to_owned(), path: path.to_owned(), enabled: true }], interest, "x86_64")
}

fn sentence(path: &Utf8Path) -> String {
    let error = read_at(path, &Interest::default()).unwrap_err();
    error.to_string().replace(path.as_str(), "REPO")
}

#[test]
fn what_createrepo_writes_is_read() {
    let index = read_at(&tiny(), &Interest::default()).unwrap();
    let names: Vec<String> =
        ["tiny", "other"].iter().flat_map(|name| index.named(name)).map(|id| index.package(*id).nevra()).collect();
    assert_eq!(names, ["tiny-1:1.0-2.noarch", "other-2.5-3.noarch"]);
    let tiny = index.package(index.named("tiny")[0]);
    assert_eq!((tiny.installed_size, tiny.source, tiny.repository), (4, Some("tiny-1.0-2.src.rpm"), "r"));
    assert!(tiny.download_size > 1000);
    let shown = |list: Vec<crate::Dependency>| list.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    assert_eq!(shown(index.provided_by(tiny.id)), "cap(x) = 4, tiny = 1:1.0-2");
    assert_eq!(shown(index.required_by(tiny.id)), "(tiny if other)");
    assert_eq!(shown(index.conflicts_of(tiny.id)), "con = 3");
    assert_eq!(shown(index.obsoletes_of(tiny.id)), "old < 1");
    assert_eq!(shown(index.recommended_by(tiny.id)), "rec");
    assert_eq!(index.files(tiny.id), ["/usr/bin/tiny"]);
    let core = index.group("core").unwrap();
    assert_eq!((core.name.as_str(), core.packages.len()), ("Core", 4));
    assert_eq!(core.packages[3].kind, GroupKind::Conditional("tiny".to_owned()));
    let environment = index.environment("small-environment").unwrap();
    assert_eq!(environment.name, "Small & Neat");
    assert_eq!(
        (&environment.groups[..], &environment.options[..]),
        (&["core".to_owned()][..], &["tools".to_owned()][..])
    );
    let module = index.module("tiny").unwrap();
    assert_eq!((module.streams[0].name.as_str(), module.streams[0].is_default), ("1", true));
    assert_eq!(module.streams[0].profiles, ["common", "devel"]);
}

#[test]
fn lists_of_files_are_read_for_what_is_wanted_only() {
    let without = read_at(&tiny(), &Interest::default()).unwrap();
    assert!(without.owners("/usr/share/tiny/b").is_empty() && !without.covers("/usr/share/tiny/b"));
    let install = crate::Request::install([crate::Wanted::Spec("other".to_owned())]);
    assert!(matches!(without.solve(&install), crate::Solution::Undecided(_)));
    for interest in [
        Interest { paths: ["/usr/share/tiny/b".to_owned()].into(), ..Interest::default() },
        Interest { required_paths: true, ..Interest::default() },
    ] {
        let index = read_at(&tiny(), &interest).unwrap();
        let owners: Vec<_> = index.owners("/usr/share/tiny/b").iter().map(|id| index.package(*id).name).collect();
        assert_eq!(owners, ["tiny"]);
        assert!(index.covers("/usr/share/tiny/b") && index.owners("/usr/share/tiny").is_empty());
        let crate::Solution::Installs(transaction) = index.solve(&install) else { panic!() };
        assert_eq!(transaction.install.len(), 2);
    }
}

#[test]
fn a_directory_of_metadata_and_a_cache_are_found() {
    assert_eq!(read_at(&tiny().join("repodata"), &Interest::default()).unwrap().packages(), 2);
    let cache = tempfile::tempdir().unwrap();
    let root = Utf8Path::from_path(cache.path()).unwrap();
    assert_eq!(sentence(root), "there is no repomd.xml at REPO, nor in its directory `repodata`");
    for name in ["r-0123456789abcdef", "r-updates-0123456789abcdef"] {
        fs_err::create_dir_all(root.join(name).join("repodata")).unwrap();
        for entry in tiny().join("repodata").read_dir_utf8().unwrap() {
            let entry = entry.unwrap();
            fs_err::copy(entry.path(), root.join(name).join("repodata").join(entry.file_name())).unwrap();
        }
    }
    assert_eq!(read_at(root, &Interest::default()).unwrap().packages(), 2);
    fs_err::rename(root.join("r-0123456789abcdef"), root.join("x-0123456789abcdef")).unwrap();
    assert_eq!(sentence(root), "REPO holds several repositories: r-updates-0123456789abcdef, x-0123456789abcdef");
}

/// A repository of this primary.xml, packed by a program.
struct Repo(tempfile::TempDir);

impl Repo {
    fn new(primary: &[u8], program: &str) -> Self {
        let mut packed = primary.to_vec();
        if !program.is_empty() {
            let mut child =
                Command::new(program).arg("-c").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
            let mut input = child.stdin.take().unwrap();
            let bytes = packed.clone();
            let writer = std::thread::spawn(move || std::io::Write::write_all(&mut input, &bytes).unwrap());
            packed = child.wait_with_output().unwrap().stdout;
            writer.join().unwrap();
        }
        Self::of(&packed, "primary", "sha256", &hex(Sha256::digest(&packed)), packed.len())
    }

    fn of(file: &[u8], kind: &str, checksum_kind: &str, checksum: &str, size: usize) -> Self {
        let repo = Self(tempfile::tempdir().unwrap());
        fs_err::create_dir(repo.path().join("repodata")).unwrap();
        fs_err::write(repo.path().join("repodata/p"), file).unwrap();
        repo.repomd(&format!(
            "<data type='{kind}'><checksum type='{checksum_kind}'>{checksum}</checksum>\
             <location href='repodata/p'/><size>{size}</size></data>"
        ));
        repo
    }

    fn repomd(&self, data: &str) {
        fs_err::write(self.path().join("repodata/repomd.xml"), format!("<repomd>{data}</repomd>")).unwrap();
    }

    fn path(&self) -> &Utf8Path {
        Utf8Path::from_path(self.0.path()).unwrap()
    }
}

fn primary_of(package: &str) -> Vec<u8> {
    format!("<?xml version='1.0'?><metadata packages='1'>{package}</metadata>").into_bytes()
}

const PACKAGE: &str = "<package type='rpm'><name>a</name><arch>noarch</arch><version epoch='0' ver='1' rel='1'/>\
    <format><rpm:requires><rpm:entry name='b&lt;&#x20ac;' flags='GE' epoch='0' ver='2'/></rpm:requires>\
    <file>/usr/bin/a&amp;b</file></format></package>";

#[test]
fn every_compression_gives_the_same_index() {
    for program in ["", "zstd", "xz", "gzip", "bzip2"] {
        let repo = Repo::new(&primary_of(PACKAGE), program);
        let index = read_at(repo.path(), &Interest::default()).unwrap();
        let id = index.named("a")[0];
        assert_eq!(index.required_by(id)[0].to_string(), "b<€ >= 2", "{program}");
        assert_eq!(index.files(id), ["/usr/bin/a&b"]);
    }
}

#[test]
fn a_repository_that_lies_is_refused_with_the_name_of_the_file() {
    let bytes = primary_of(PACKAGE);
    let right = hex(Sha256::digest(&bytes));
    let long = hex(Sha512::digest(&bytes));
    assert!(read_at(Repo::of(&bytes, "primary", "sha512", &long, bytes.len()).path(), &Interest::default()).is_ok());
    let said = |checksum_kind, checksum: &str, size| {
        sentence(Repo::of(&bytes, "primary", checksum_kind, checksum, size).path())
    };
    let wrong = said("sha256", "00", bytes.len());
    assert_eq!(wrong, format!("REPO/repodata/p is damaged: its SHA-256 is {right}, and repomd.xml states 00"));
    let size = said("sha256", &right, 7);
    assert_eq!(size, format!("REPO/repodata/p is damaged: it has {} bytes, and repomd.xml states 7", bytes.len()));
    for kind in ["md5", "sha", "sha1", "none"] {
        let weak = said(kind, &right, bytes.len());
        let reason = "which proves nothing today or is not known";
        assert_eq!(weak, format!("REPO/repodata/p has a checksum of the kind `{kind}`, {reason}"));
    }
    let database = sentence(Repo::of(&bytes, "primary_db", "sha256", &right, bytes.len()).path());
    assert_eq!(database, "REPO/repodata/repomd.xml lists no primary metadata as XML, only a database");
    let repo = Repo::new(&bytes, "");
    for href in ["../p", "/etc/passwd", "http://localhost/p", "repodata/../../p"] {
        repo.repomd(&format!("<data type='primary'><location href='{href}'/></data>"));
        let said = sentence(repo.path());
        assert_eq!(
            said,
            format!("REPO/repodata/repomd.xml names the file `{href}`, which is not below its repository")
        );
    }
    repo.repomd("<data type='primary'><location href='repodata/p'/></data>");
    assert!(sentence(repo.path()).contains("a checksum of the kind `none`"));
    fs_err::remove_file(repo.path().join("repodata/p")).unwrap();
    assert!(sentence(repo.path()).starts_with("REPO/repodata/p could not be read: "));
}

#[test]
fn hostile_and_broken_metadata_is_a_bounded_error() {
    let said = |bytes: &[u8]| sentence(Repo::new(bytes, "").path());
    let whole = primary_of(PACKAGE);
    let deep = primary_of(&format!("{}{}", "<a>".repeat(100_000), "</a>".repeat(100_000)));
    let long = primary_of(&format!("<package><name>{}</name></package>", "x".repeat(100_000)));
    let huge = primary_of(&format!("<package><summary>{}</summary></package>", "x".repeat(20 << 20)));
    let bomb = "<!DOCTYPE m [<!ENTITY a 'aaaaaaaa'><!ENTITY b '&a;&a;'>]><metadata><package><name>&b;</name></package></metadata>";
    for (bytes, reason) in [
        (&whole[..whole.len() - 20], "not found before end of input"),
        (&whole[..whole.len() / 2], "not found before end of input"),
        (&b"<metadata><package>"[..], "the file ends with 2 of its elements open"),
        (&b""[..], "it holds no XML"),
        (&b"garbage"[..], "it holds no XML"),
        (&b"<html></html>"[..], "it begins with the element `html` and not `metadata`"),
        (&b"<metadata></metadata><metadata></metadata>"[..], "a second document follows the first"),
        (&deep[..], "elements nest more than 24 deep"),
        (&long[..], "a name or path has more than 65536 bytes"),
        (&huge[..], "one element or text has more than 8388608 bytes"),
        (bomb.as_bytes(), "a document type that defines something"),
        (&primary_of("<package><name>&b;</name></package>")[..], "entity `b`"),
        (&primary_of("<package><name>a\0b</name></package>")[..], "a control character, which XML cannot have"),
        (&primary_of("<package><name>a</name></package>")[..], "a package without name, version or architecture"),
        (&b"<metadata><package><name>\xff</name></package></metadata>"[..], "text that is not UTF-8"),
        (&b"<metadata><package><name>a</name><version ver='\xff'/></package></metadata>"[..], "text that is not UTF-8"),
        (&b"\0ZCK1abc"[..], "is compressed with zchunk, which is not read"),
    ] {
        let said = said(bytes);
        assert!(said.starts_with("REPO/repodata/p ") && said.contains(reason), "{said}: {reason}");
        assert!(said.len() < 400, "{said}");
    }
    let packed = {
        let repo = Repo::new(&primary_of(&PACKAGE.repeat(2000)), "zstd");
        fs_err::read(repo.path().join("repodata/p")).unwrap()
    };
    let cut = &packed[..packed.len() - 30];
    let said = sentence(Repo::of(cut, "primary", "sha256", &hex(Sha256::digest(cut)), cut.len()).path());
    assert!(said.starts_with("REPO/repodata/p could not be unpacked: "), "{said}");
}

#[test]
fn what_unpacks_to_too_much_is_refused_before_it_is_kept() {
    let repo = Repo::new(&primary_of(&" ".repeat(40 << 20)), "zstd");
    let path = repo.path().join("repodata/p");
    let mut xml = Xml::new(&path, Unpacked::new(&path, unpack::open(&path).unwrap(), 4 << 20).unwrap());
    let mut data = Data::new("x86_64");
    let error = primary::read(&mut xml, &mut data, 0).unwrap_err();
    assert!(matches!(error, RepodataError::Bomb { limit, .. } if limit == 4 << 20), "{error}");
}

#[test]
fn packages_of_a_module_that_is_off_are_not_chosen() {
    let mut builder = IndexBuilder::new("x86_64");
    builder.repository("r", true, &[crate::PackageRecord::new("a", "1", "1", "x86_64")]).unwrap();
    let stream = |is_default| crate::module::Stream {
        name: "1".to_owned(),
        is_default,
        artifacts: vec!["a-0:1-1.x86_64".to_owned()],
        ..Default::default()
    };
    for is_default in [false, true] {
        let module = crate::module::Module { name: "m".to_owned(), streams: vec![stream(is_default)] };
        builder.modules.insert("m".to_owned(), module);
        builder.hide_modules();
        assert_eq!(builder.data.packages[0].hidden, !is_default);
    }
}
