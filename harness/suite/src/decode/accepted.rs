//! The accepted snapshots that the tests of a suite are compared with: whoever accepts another one has another suite.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use sha2::{Digest as _, Sha256};

use super::data::sha256;
use crate::diagnostic::{Diagnostic, Diagnostics, codes};
use crate::model::Suite;
use crate::snapshot_files::{Accepted, ENDING, FILE_LIMIT, OwnSnapshots, Places};
use crate::source::unreadable;
use muster_base::text::hex;

/// SHA-256 of every accepted snapshot of the suite, of whatever image, by the name of its file; `None` where they are ignored. One
/// that is not there is not in it. `dir` is that of the suite's file.
pub(super) fn read(
    suite: &Suite,
    dir: &Utf8Path,
    accepted: &Accepted,
    sink: &mut Diagnostics,
) -> Option<BTreeMap<String, String>> {
    let own: Option<&OwnSnapshots> = match accepted {
        Accepted::Ignored => return None,
        Accepted::NextTo => None,
        Accepted::Own(own) => Some(own),
    };
    let mut out = BTreeMap::new();
    if suite.tests.iter().all(|test| test.snapshots.is_empty()) {
        return Some(out);
    }
    let files = files(&Places::of(dir, own), sink);
    for test in &suite.tests {
        for name in suite.accepted_names(test, &files) {
            if out.contains_key(name) {
                continue;
            }
            let path = &files[name];
            let shown: Arc<str> = path.as_str().into();
            match plain_sha256(path) {
                Ok(Some(digest)) => {
                    out.insert(name.clone(), hex(digest));
                }
                Ok(None) => {
                    let message = format!(
                        "the accepted snapshot is larger than {FILE_LIMIT} bytes, or no plain file; delete it and accept the snapshot again"
                    );
                    sink.push(Diagnostic::about_file(codes::BAD_SNAPSHOT, &shown, message));
                }
                Err(error) => sink.push(unreadable(&shown, &error)),
            }
        }
    }
    Some(out)
}

/// Adds them to a suite's digest, each with its name. A suite without any keeps the digest of its text and its other files.
pub(super) fn digest(accepted: &BTreeMap<String, String>, digest: &mut Sha256) {
    for (name, sha256) in accepted {
        // No text of a suite has a zero byte.
        digest.update(format!("\0accepted snapshot\0{name}\0{sha256}"));
    }
}

/// All files of accepted snapshots, by name; a person's own come before those that ship.
fn files(places: &Places, sink: &mut Diagnostics) -> BTreeMap<String, Utf8PathBuf> {
    let mut out = BTreeMap::new();
    for directory in std::iter::once(&places.directory).chain(&places.shipped) {
        match names(directory) {
            Ok(names) => names.into_iter().for_each(|name| {
                let path = directory.join(&name);
                out.entry(name).or_insert(path);
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => sink.push(unreadable(&directory.as_str().into(), &error)),
        }
    }
    out
}

fn names(directory: &Utf8Path) -> std::io::Result<BTreeSet<String>> {
    let mut out = BTreeSet::new();
    for entry in directory.as_std_path().read_dir()? {
        // One that is not UTF-8 is of no snapshot.
        let name = entry?.file_name().into_string().ok().filter(|name| name.ends_with(ENDING));
        out.extend(name);
    }
    Ok(out)
}

/// None where it is no plain file, which might never end, or too large.
fn plain_sha256(path: &Utf8Path) -> std::io::Result<Option<[u8; 32]>> {
    match std::fs::metadata(path)?.is_file() {
        true => sha256(path, FILE_LIMIT),
        false => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::VOCABULARY;

    const SUITE: &str = "schema: suite/v1
suite: s
tests:
  - id: one
    snapshots: [{name: users, of: users}]
  - id: two
    snapshots: [{name: ports, of: ports, per: distro}]
";

    struct Scene {
        _temporary: tempfile::TempDir,
        root: Utf8PathBuf,
    }

    impl Scene {
        fn new() -> Self {
            let temporary = tempfile::tempdir().unwrap();
            let root = Utf8PathBuf::from_path_buf(temporary.path().to_owned()).unwrap();
            for dir in ["suites/snapshots", "own"] {
                fs_err::create_dir_all(root.join(dir)).unwrap();
            }
            fs_err::write(root.join("suites/s.yaml"), SUITE).unwrap();
            Self { _temporary: temporary, root }
        }

        fn load(&self, accepted: &Accepted) -> Result<Suite, String> {
            let (suites, problems) = crate::load_with(&[self.root.join("suites/s.yaml")], &VOCABULARY, accepted);
            match problems.is_empty() {
                true => Ok(suites.into_iter().next().unwrap()),
                false => Err(problems.render(false)),
            }
        }

        fn write(&self, name: &str, text: &str) {
            fs_err::write(self.root.join(name), text).unwrap();
        }

        fn own(&self) -> Accepted {
            Accepted::Own(OwnSnapshots { suites: self.root.join("suites"), directory: self.root.join("own") })
        }
    }

    #[test]
    fn what_is_accepted_is_part_of_the_suite_and_what_is_absent_is_absent() {
        let scene = Scene::new();
        let digest = || scene.load(&Accepted::NextTo).unwrap().digest;
        let none = digest();
        assert_eq!(none, hex(Sha256::digest(SUITE)), "without any it is the text");
        // Of no snapshot of it.
        for other in ["s__one__user@lab.snap", "s__one__users@lab.snap.new", "t__one__users@lab.snap", "notes.txt"] {
            scene.write(&format!("suites/snapshots/{other}"), "x");
        }
        assert_eq!(digest(), none);
        let mut seen = BTreeSet::from([none]);
        for (name, text) in [
            ("s__one__users@lab.snap", "a"),
            ("s__one__users@lab.snap", "b"),
            ("s__one__users@lab-tiny.snap", "a"),
            ("s__two__ports@fedora-43-x86_64.snap", "a"),
        ] {
            scene.write(&format!("suites/snapshots/{name}"), text);
            assert!(seen.insert(digest()), "{name} with {text}");
        }
        let suite = scene.load(&Accepted::NextTo).unwrap();
        let accepted = suite.accepted.clone().unwrap();
        assert_eq!(accepted.len(), 3);
        assert_eq!(suite.accepted_names(&suite.tests[1], &accepted).count(), 1);
        fs_err::remove_dir_all(scene.root.join("suites/snapshots")).unwrap();
        assert_eq!(scene.load(&Accepted::NextTo).unwrap().digest, hex(Sha256::digest(SUITE)));
    }

    #[test]
    fn a_persons_own_come_before_those_that_ship_wherever_they_lie() {
        let scene = Scene::new();
        scene.write("suites/snapshots/s__one__users@lab.snap", "shipped");
        let shipped = scene.load(&Accepted::NextTo).unwrap().digest;
        assert_eq!(scene.load(&scene.own()).unwrap().digest, shipped);
        scene.write("own/s__one__users@lab.snap", "mine");
        let mine = scene.load(&scene.own()).unwrap().digest;
        assert_ne!(mine, shipped);
        // The same content decides alike, whoever brings it.
        scene.write("suites/snapshots/s__one__users@lab.snap", "mine");
        assert_eq!(scene.load(&Accepted::NextTo).unwrap().digest, mine);
        // A run that accepts whatever there is depends on none.
        let ignored = scene.load(&Accepted::Ignored).unwrap();
        assert_eq!((ignored.digest, ignored.accepted), (hex(Sha256::digest(SUITE)), None));
    }

    #[test]
    fn one_that_cannot_be_read_whole_is_an_error() {
        let scene = Scene::new();
        let path = scene.root.join("suites/snapshots/s__one__users@lab.snap");
        fs_err::create_dir(&path).unwrap();
        assert!(scene.load(&Accepted::NextTo).unwrap_err().contains("no plain file"));
        fs_err::remove_dir(&path).unwrap();
        fs_err::File::create(&path).unwrap().set_len(FILE_LIMIT + 1).unwrap();
        assert!(scene.load(&Accepted::NextTo).unwrap_err().contains("bad-snapshot"));
    }
}
