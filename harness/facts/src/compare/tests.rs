use camino::Utf8Path;

use super::*;
use crate::pending;
use muster_base::failure::Location;
use muster_suite::snapshot_files::file_name;

struct Dirs {
    _temporary: tempfile::TempDir,
    accepted: Utf8PathBuf,
    run: Utf8PathBuf,
}

impl Dirs {
    fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(temporary.path().to_owned()).unwrap();
        Self { accepted: root.join("suites/snapshots"), run: root.join("run/snapshots"), _temporary: temporary }
    }

    fn request(&self, body: &str, update: UpdateMode) -> SnapshotRequest {
        SnapshotRequest {
            places: Places { directory: self.accepted.clone(), shipped: None },
            read_as: ReadAs::Unread,
            pending_directory: self.run.clone(),
            name: file_name("base", "facts", "sysctl", "lab"),
            body: body.into(),
            source: Location { file: "suites/base.yaml".into(), line: 14, column: 5 },
            description: "sysctl of lab".into(),
            info: vec![("image".into(), "lab".into()), ("kernel".into(), "6.12".into())],
            update,
        }
    }

    fn compare(&self, body: &str, update: UpdateMode) -> SnapshotVerdict {
        compare(&self.request(body, update)).unwrap()
    }

    fn files(&self) -> (Vec<String>, Vec<String>) {
        let names = |dir: &Utf8Path| {
            let Ok(entries) = dir.read_dir_utf8() else { return Vec::new() };
            let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().to_owned()).collect();
            names.sort();
            names
        };
        (names(&self.accepted), names(&self.run))
    }
}

const SNAP: &str = "base__facts__sysctl@lab.snap";
const NEW: &str = "base__facts__sysctl@lab.snap.new";

#[test]
fn a_snapshot_lives_through_new_accepted_same_and_changed() {
    let dirs = Dirs::new();
    let pending = dirs.run.join(NEW);
    assert_eq!(
        dirs.compare("a = 1", UpdateMode::Ci),
        SnapshotVerdict::New { diff: "@@ -0,0 +1 @@\n+a = 1\n".into(), pending: pending.clone() }
    );
    assert_eq!(dirs.files(), (vec![], vec![NEW.to_owned()]), "in CI only the run directory is written");

    assert!(matches!(dirs.compare("a = 1", UpdateMode::Review), SnapshotVerdict::New { .. }));
    assert_eq!(dirs.files().0, [NEW]);
    assert_eq!(
        std::fs::read_to_string(dirs.accepted.join(NEW)).unwrap(),
        "---\nsource: suites/base.yaml\nassertion_line: 14\ndescription: sysctl of lab\ninfo:\n  image: lab\n  kernel: \"6.12\"\n---\na = 1\n"
    );

    assert!(matches!(dirs.compare("a = 1", UpdateMode::Accept), SnapshotVerdict::Accepted { .. }));
    assert_eq!(dirs.files().0, [SNAP], "what was pending is accepted and gone");
    assert!(!std::fs::read_to_string(dirs.accepted.join(SNAP)).unwrap().contains("assertion_line"));
    for same in ["a = 1", "a = 1\n\n", "a = 1\r\n"] {
        assert_eq!(dirs.compare(same, UpdateMode::Ci), SnapshotVerdict::Same);
    }
    assert_eq!(
        dirs.compare("a = 2", UpdateMode::Review),
        SnapshotVerdict::Changed { diff: "@@ -1 +1 @@\n-a = 1\n+a = 2\n".into(), pending }
    );
    assert_eq!(dirs.files().0, [SNAP, NEW]);
    assert_eq!(dirs.compare("a = 1", UpdateMode::Ci), SnapshotVerdict::Same);
    assert_eq!(dirs.files().0, [SNAP, NEW], "CI removes nothing either");
    assert_eq!(dirs.compare("a = 1", UpdateMode::Review), SnapshotVerdict::Same);
    assert_eq!(dirs.files().0, [SNAP]);
}

#[test]
fn an_empty_text_differs_from_none() {
    let dirs = Dirs::new();
    assert!(matches!(dirs.compare("", UpdateMode::Ci), SnapshotVerdict::New { .. }));
    dirs.compare("", UpdateMode::Accept);
    assert_eq!(dirs.compare("", UpdateMode::Ci), SnapshotVerdict::Same);
    assert!(matches!(dirs.compare("a", UpdateMode::Ci), SnapshotVerdict::Changed { .. }));
}

#[test]
fn an_accepted_file_that_cannot_be_compared_with_is_an_error_and_stays() {
    let dirs = Dirs::new();
    std::fs::create_dir_all(&dirs.accepted).unwrap();
    for broken in ["", "text without header", "---\nsource: x\n---\n<<<<<<< HEAD\na\n=======\nb\n>>>>>>> other\n"] {
        std::fs::write(dirs.accepted.join(SNAP), broken).unwrap();
        for update in [UpdateMode::Ci, UpdateMode::Review, UpdateMode::Accept] {
            let error = compare(&dirs.request("a", update)).unwrap_err().to_string();
            assert!(error.contains(SNAP) && error.contains("cannot be compared with: it h"), "{error}");
            assert_eq!(std::fs::read_to_string(dirs.accepted.join(SNAP)).unwrap(), broken);
        }
    }
    std::fs::remove_file(dirs.accepted.join(SNAP)).unwrap();
    std::fs::create_dir(dirs.accepted.join(SNAP)).unwrap();
    assert!(compare(&dirs.request("a", UpdateMode::Accept)).is_err(), "a directory in its place is not `missing`");
}

#[test]
fn a_name_cannot_leave_its_directory() {
    assert_eq!(file_name("base", "facts", "sysctl", "lab"), "base__facts__sysctl@lab");
    let dirs = Dirs::new();
    let mut request = dirs.request("a", UpdateMode::Review);
    request.name = "../../../escape".into();
    compare(&request).unwrap();
    let (next_to, run) = dirs.files();
    assert_eq!(next_to, run);
    assert!(next_to.len() == 1 && next_to[0].starts_with("_._.._.._escape-"), "{next_to:?}");
}

#[test]
fn what_is_pending_is_listed_reviewed_accepted_and_rejected() {
    let dirs = Dirs::new();
    assert_eq!(pending::list(&dirs.accepted).unwrap(), []);
    dirs.compare("a = 1", UpdateMode::Accept);
    dirs.compare("a = 2", UpdateMode::Review);
    let waiting = pending::list(&dirs.accepted).unwrap();
    assert_eq!(waiting.len(), 1);
    assert!(!waiting[0].is_new && waiting[0].name == "base__facts__sysctl@lab");
    let pending::Review { description, diff, .. } = pending::review(&waiting[0]).unwrap();
    assert_eq!((description.as_str(), diff.as_str()), ("sysctl of lab", "@@ -1 +1 @@\n-a = 1\n+a = 2\n"));
    pending::accept(&waiting[0]).unwrap();
    assert_eq!(dirs.files().0, [SNAP]);
    assert_eq!(dirs.compare("a = 2", UpdateMode::Ci), SnapshotVerdict::Same);
    dirs.compare("a = 3", UpdateMode::Review);
    pending::reject(&pending::list(&dirs.accepted).unwrap()[0]).unwrap();
    assert_eq!(dirs.files().0, [SNAP]);
    assert_eq!(dirs.compare("a = 2", UpdateMode::Ci), SnapshotVerdict::Same);
}

#[test]
fn what_a_review_accepts_is_what_it_has_shown() {
    let dirs = Dirs::new();
    dirs.compare("a = 1", UpdateMode::Review);
    let waiting = pending::list(&dirs.accepted).unwrap();
    let review = pending::review(&waiting[0]).unwrap();
    dirs.compare("a = 2", UpdateMode::Review);
    let error = pending::accept_reviewed(&waiting[0], &review).unwrap_err();
    assert!(error.to_string().contains("has been replaced since it was shown"), "{error}");
    assert_eq!(dirs.files().0, [NEW]);
    pending::accept_reviewed(&waiting[0], &pending::review(&waiting[0]).unwrap()).unwrap();
    assert_eq!(dirs.compare("a = 2", UpdateMode::Ci), SnapshotVerdict::Same);
}

/// A verdict on another one than that of the digest in the record of the run would be one of another suite.
#[test]
fn an_accepted_snapshot_that_was_replaced_since_the_suite_was_read_is_an_error() {
    let dirs = Dirs::new();
    let as_read = |read_as: ReadAs| {
        let request = SnapshotRequest { read_as, ..dirs.request("a = 1", UpdateMode::Ci) };
        compare(&request).map_err(|error| error.to_string())
    };
    assert!(matches!(as_read(ReadAs::Absent), Ok(SnapshotVerdict::New { .. })));
    let gone = as_read(ReadAs::Sha256("ab".into())).unwrap_err();
    assert!(gone.contains("was replaced, added or removed"), "{gone}");
    dirs.compare("a = 1", UpdateMode::Accept);
    let sha256 = read_accepted(&dirs.accepted.join(SNAP)).unwrap().unwrap().sha256;
    assert_eq!(as_read(ReadAs::Sha256(sha256.clone())), Ok(SnapshotVerdict::Same));
    as_read(ReadAs::Absent).unwrap_err();
    dirs.compare("a = 2", UpdateMode::Accept);
    as_read(ReadAs::Sha256(sha256)).unwrap_err();
}

/// Many tests finish at once; none of this is shared.
#[test]
fn threads_do_not_disturb_each_other() {
    let dirs = Dirs::new();
    std::thread::scope(|scope| {
        for n in 0..8 {
            let dirs = &dirs;
            scope.spawn(move || {
                let mut request = dirs.request(&format!("a = {n}"), UpdateMode::Accept);
                request.name = file_name("base", "facts", &format!("s{n}"), "lab");
                assert!(matches!(compare(&request).unwrap(), SnapshotVerdict::Accepted { .. }));
                assert_eq!(compare(&request).unwrap(), SnapshotVerdict::Same);
            });
        }
    });
    assert_eq!(dirs.files().0.len(), 8);
}
