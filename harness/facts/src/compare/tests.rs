use super::*;
use muster_base::failure::Location;

struct Folders {
    _dir: tempfile::TempDir,
    accepted: Utf8PathBuf,
    run: Utf8PathBuf,
}

impl Folders {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
        Self { accepted: root.join("suites/snapshots"), run: root.join("run/snapshots"), _dir: dir }
    }

    fn request(&self, body: &str, update: UpdateMode) -> SnapshotRequest {
        SnapshotRequest {
            shipped: None,
            directory: self.accepted.clone(),
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
        let names = |folder: &Utf8Path| {
            let Ok(entries) = folder.read_dir_utf8() else { return Vec::new() };
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
    let folders = Folders::new();
    let pending = folders.run.join(NEW);
    assert_eq!(
        folders.compare("a = 1", UpdateMode::Ci),
        SnapshotVerdict::New { diff: "@@ -0,0 +1 @@\n+a = 1\n".into(), pending: pending.clone() }
    );
    assert_eq!(folders.files(), (vec![], vec![NEW.to_owned()]), "in CI only the run directory is written");

    assert!(matches!(folders.compare("a = 1", UpdateMode::Review), SnapshotVerdict::New { .. }));
    assert_eq!(folders.files().0, [NEW]);
    assert_eq!(
        std::fs::read_to_string(folders.accepted.join(NEW)).unwrap(),
        "---\nsource: suites/base.yaml\nassertion_line: 14\ndescription: sysctl of lab\ninfo:\n  image: lab\n  kernel: \"6.12\"\n---\na = 1\n"
    );

    assert!(matches!(folders.compare("a = 1", UpdateMode::Accept), SnapshotVerdict::Accepted { .. }));
    assert_eq!(folders.files().0, [SNAP], "what was pending is accepted and gone");
    assert!(!std::fs::read_to_string(folders.accepted.join(SNAP)).unwrap().contains("assertion_line"));
    for same in ["a = 1", "a = 1\n\n", "a = 1\r\n"] {
        assert_eq!(folders.compare(same, UpdateMode::Ci), SnapshotVerdict::Same);
    }
    assert_eq!(
        folders.compare("a = 2", UpdateMode::Review),
        SnapshotVerdict::Changed { diff: "@@ -1 +1 @@\n-a = 1\n+a = 2\n".into(), pending }
    );
    assert_eq!(folders.files().0, [SNAP, NEW]);
    assert_eq!(folders.compare("a = 1", UpdateMode::Ci), SnapshotVerdict::Same);
    assert_eq!(folders.files().0, [SNAP, NEW], "CI removes nothing either");
    assert_eq!(folders.compare("a = 1", UpdateMode::Review), SnapshotVerdict::Same);
    assert_eq!(folders.files().0, [SNAP]);
}

#[test]
fn an_empty_text_differs_from_none() {
    let folders = Folders::new();
    assert!(matches!(folders.compare("", UpdateMode::Ci), SnapshotVerdict::New { .. }));
    folders.compare("", UpdateMode::Accept);
    assert_eq!(folders.compare("", UpdateMode::Ci), SnapshotVerdict::Same);
    assert!(matches!(folders.compare("a", UpdateMode::Ci), SnapshotVerdict::Changed { .. }));
}

#[test]
fn an_accepted_file_that_cannot_be_compared_with_is_an_error_and_stays() {
    let folders = Folders::new();
    std::fs::create_dir_all(&folders.accepted).unwrap();
    for broken in ["", "text without header", "---\nsource: x\n---\n<<<<<<< HEAD\na\n=======\nb\n>>>>>>> other\n"] {
        std::fs::write(folders.accepted.join(SNAP), broken).unwrap();
        for update in [UpdateMode::Ci, UpdateMode::Review, UpdateMode::Accept] {
            let error = compare(&folders.request("a", update)).unwrap_err().to_string();
            assert!(error.contains(SNAP) && error.contains("cannot be compared with: it h"), "{error}");
            assert_eq!(std::fs::read_to_string(folders.accepted.join(SNAP)).unwrap(), broken);
        }
    }
    std::fs::remove_file(folders.accepted.join(SNAP)).unwrap();
    std::fs::create_dir(folders.accepted.join(SNAP)).unwrap();
    assert!(compare(&folders.request("a", UpdateMode::Accept)).is_err(), "a directory in its place is not `missing`");
}

#[test]
fn a_name_cannot_leave_its_folder() {
    assert_eq!(file_name("base", "facts", "sysctl", "lab"), "base__facts__sysctl@lab");
    let folders = Folders::new();
    let mut request = folders.request("a", UpdateMode::Review);
    request.name = "../../../escape".into();
    compare(&request).unwrap();
    let (beside, run) = folders.files();
    assert_eq!(beside, run);
    assert!(beside.len() == 1 && beside[0].starts_with("_._.._.._escape-"), "{beside:?}");
}

#[test]
fn what_is_pending_is_listed_reviewed_accepted_and_rejected() {
    let folders = Folders::new();
    assert_eq!(pending::list(&folders.accepted).unwrap(), []);
    folders.compare("a = 1", UpdateMode::Accept);
    folders.compare("a = 2", UpdateMode::Review);
    let waiting = pending::list(&folders.accepted).unwrap();
    assert_eq!(waiting.len(), 1);
    assert!(!waiting[0].is_new && waiting[0].name == "base__facts__sysctl@lab");
    let (description, diff) = pending::review(&waiting[0]).unwrap();
    assert_eq!((description.as_str(), diff.as_str()), ("sysctl of lab", "@@ -1 +1 @@\n-a = 1\n+a = 2\n"));
    pending::accept(&waiting[0]).unwrap();
    assert_eq!(folders.files().0, [SNAP]);
    assert_eq!(folders.compare("a = 2", UpdateMode::Ci), SnapshotVerdict::Same);
    folders.compare("a = 3", UpdateMode::Review);
    pending::reject(&pending::list(&folders.accepted).unwrap()[0]).unwrap();
    assert_eq!(folders.files().0, [SNAP]);
    assert_eq!(folders.compare("a = 2", UpdateMode::Ci), SnapshotVerdict::Same);
}

/// Many tests finish at once; none of this is shared.
#[test]
fn threads_do_not_disturb_each_other() {
    let folders = Folders::new();
    std::thread::scope(|scope| {
        for n in 0..8 {
            let folders = &folders;
            scope.spawn(move || {
                let mut request = folders.request(&format!("a = {n}"), UpdateMode::Accept);
                request.name = file_name("base", "facts", &format!("s{n}"), "lab");
                assert!(matches!(compare(&request).unwrap(), SnapshotVerdict::Accepted { .. }));
                assert_eq!(compare(&request).unwrap(), SnapshotVerdict::Same);
            });
        }
    });
    assert_eq!(folders.files().0.len(), 8);
}
