use std::collections::BTreeMap;
use std::path::Path;

use camino::Utf8PathBuf;

use super::*;
use crate::event_loop::runtime;
use crate::load::{self, Loaded, Selection};
use crate::product;
use crate::project::Project;
use crate::run::Files;
use muster_base::failure::Location;
use muster_base::machine::Format;
use muster_facts::compare::{ReadAs, SnapshotRequest, SnapshotVerdict, UpdateMode, compare};
use muster_image::{ImageSpec, KernelBoot};
use muster_record::deciding::{BOOT_BASELINE, CONSOLE_RULES, IMAGE_DESCRIPTION, INITRD, KERNEL};
use muster_suite::matrix_kernel::RPM_MAGIC;
use muster_suite::snapshot_files::{Accepted, ENDING, OwnSnapshots, Places, file_name};

/// Where the digest of a file stands, with which the record of a run, its shards and a certificate say that it was this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DigestOf {
    /// That of the suite, which a locked profile has too.
    Suite,
    /// That of the image.
    Image,
    /// One of its own, next to the products.
    Product,
    /// One of its own, of this role, next to the command line or the image.
    Run(&'static str),
}

/// What decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decides {
    SuiteText,
    Include,
    Upload,
    BootsOfSuite,
    KernelPackage,
    AcceptedSnapshot,
    OwnAcceptedSnapshot,
    ImageFile,
    Product,
    ConsoleRules,
    KnownIssues,
    KnownIssuesNextToSuites,
    BootBaseline,
    ImageDescription,
    LoadedKernel,
    LoadedInitrd,
}

/// The table, with the words of the page on certificates. The firmware that boots a machine is in the record of that machine; the program itself in the record as `binary`.
const DECIDES: [(Decides, DigestOf, &str); 16] = [
    (Decides::SuiteText, DigestOf::Suite, "the file of a suite"),
    (Decides::Include, DigestOf::Suite, "a file that it includes"),
    (Decides::Upload, DigestOf::Suite, "a file that a test uploads"),
    (Decides::BootsOfSuite, DigestOf::Suite, "boots that a test compares with"),
    (Decides::KernelPackage, DigestOf::Suite, "a kernel of the matrix, as a file"),
    (Decides::AcceptedSnapshot, DigestOf::Suite, "an accepted snapshot next to the suite"),
    (Decides::OwnAcceptedSnapshot, DigestOf::Suite, "an accepted snapshot of one's own, for a suite that ships"),
    (Decides::ImageFile, DigestOf::Image, "the image"),
    (Decides::Product, DigestOf::Product, "a product"),
    (Decides::ConsoleRules, DigestOf::Run(CONSOLE_RULES), "`--console-rules`"),
    (Decides::KnownIssues, DigestOf::Run(KNOWN_ISSUES), "`--known-issues`"),
    (Decides::KnownIssuesNextToSuites, DigestOf::Run(KNOWN_ISSUES), "known issues next to suites"),
    (Decides::BootBaseline, DigestOf::Run(BOOT_BASELINE), "`--boot-baseline`"),
    (Decides::ImageDescription, DigestOf::Run(IMAGE_DESCRIPTION), "the description of an image"),
    (Decides::LoadedKernel, DigestOf::Run(KERNEL), "a kernel that is loaded without a boot loader"),
    (Decides::LoadedInitrd, DigestOf::Run(INITRD), "its initial RAM disk"),
];

const SUITE: &str = "schema: suite/v1
suite: s
matrix: {kernel: [{name: mine, file: kernel.rpm}]}
include: [{file: more.yaml, prefix: more}]
tests:
  - id: users
    guest: clone
    steps: [{upload: up.sh, to: /tmp/up.sh}]
    snapshots: [{name: users, of: users}]
  - id: ports
    snapshots: [{name: ports, of: ports}]
  - id: boots
    guest: fresh
    steps: [{boot-samples: 6}]
    expect: {boot: {baseline: {regression: '<= 2%', by: instructions, file: boots.baseline.json}}}
";
const INCLUDED: &str = "schema: tests/v1
tests:
  - {id: one, expect: {file: {/etc: {type: directory}}}}
";
const ISSUES: &str = "schema: known-issues/v1
known-issues:
  - {tests: 'more.one[kernel=mine]', tracker: '1', because: x, expires: LAST}
";

/// A host with one of everything that decides.
struct Scene {
    _temporary: tempfile::TempDir,
    root: Utf8PathBuf,
}

impl Scene {
    fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(temporary.path().canonicalize().unwrap()).unwrap();
        let scene = Self { _temporary: temporary, root };
        for dir in ["suites/snapshots", "own"] {
            std::fs::create_dir_all(scene.root.join(dir)).unwrap();
        }
        for (what, ..) in DECIDES {
            std::fs::write(scene.file(what), Self::content(what)).unwrap();
        }
        scene
    }

    /// The file that is changed.
    fn file(&self, what: Decides) -> Utf8PathBuf {
        self.root.join(match what {
            Decides::SuiteText => "suites/s.yaml",
            Decides::Include => "suites/more.yaml",
            Decides::Upload => "suites/up.sh",
            Decides::BootsOfSuite => "suites/boots.baseline.json",
            Decides::KernelPackage => "suites/kernel.rpm",
            Decides::AcceptedSnapshot => "suites/snapshots/s__users_kernel_mine___users@lab.snap",
            Decides::OwnAcceptedSnapshot => "own/s__ports_kernel_mine___ports@lab.snap",
            Decides::ImageFile => "disk.raw",
            Decides::Product => "product.rpm",
            Decides::ConsoleRules => "rules.yaml",
            Decides::KnownIssues => "known.yaml",
            Decides::KnownIssuesNextToSuites => "suites/known.yaml",
            Decides::BootBaseline => "run.baseline.json",
            Decides::ImageDescription => "images.yaml",
            Decides::LoadedKernel => "vmlinuz",
            Decides::LoadedInitrd => "initrd",
        })
    }

    fn content(what: Decides) -> Vec<u8> {
        // A known issue ends within a year.
        let last = load::today().saturating_add(jiff::Span::new().days(30)).to_string();
        match what {
            Decides::SuiteText => SUITE.into(),
            Decides::Include => INCLUDED.into(),
            Decides::KernelPackage | Decides::Product => [&RPM_MAGIC[..], format!("{what:?}").as_bytes()].concat(),
            Decides::KnownIssues | Decides::KnownIssuesNextToSuites => {
                ISSUES.replace("more.one", "s/more.one").replace("LAST", &last).into()
            }
            Decides::ImageFile => vec![0; 1 << 20],
            _ => format!("# {what:?}\n").into(),
        }
    }

    /// Every digest that the record of a run has, by where it stands.
    fn digests(&self) -> BTreeMap<String, Vec<String>> {
        let suites = self.root.join("suites");
        let own = OwnSnapshots { suites: suites.clone(), directory: self.root.join("own") };
        let selection = Selection { suites: vec![suites.clone()], ..Selection::default() };
        let accepted = load::accepted(&selection, Some(own));
        let loaded = muster_suite::load_with(&selection.suites, &load::vocabulary(), &accepted);
        let loaded = Loaded { suites: load::valid(loaded).map_err(|error| error.what).unwrap() };
        let mut out = BTreeMap::from([(format!("{:?}", DigestOf::Suite), vec![loaded.suites[0].digest.clone()])]);

        let path = |what| self.file(what).into_std_path_buf();
        let kernel = KernelBoot {
            image: path(Decides::LoadedKernel),
            initrd: Some(path(Decides::LoadedInitrd)),
            cmdline: "x".into(),
        };
        let spec = ImageSpec::from_file(&path(Decides::ImageFile), Format::Raw);
        let spec = ImageSpec { kernel: Some(kernel), ..spec };
        let root = Path::new(self.root.as_str());
        let (image, loaded_files) = runtime().unwrap().block_on(async {
            let ready = muster_image::prepare_to_look(root, &spec).await.unwrap();
            let files = ready.loaded().await.unwrap();
            (ready.sha256, files)
        });
        out.insert(format!("{:?}", DigestOf::Image), vec![image]);
        let products = product::read(&[self.file(Decides::Product)]).map_err(|error| error.what).unwrap();
        let products = products.into_iter().map(|product| product.sha256).collect();
        out.insert(format!("{:?}", DigestOf::Product), products);

        let (known, _) = load::known_issues(&loaded, &selection, &[self.file(Decides::KnownIssues)])
            .map_err(|error| error.what)
            .unwrap();
        let files = Files {
            console_rules: vec![self.file(Decides::ConsoleRules)],
            boot_baseline: vec![self.file(Decides::BootBaseline)],
            ..Files::default()
        };
        let description = self.file(Decides::ImageDescription);
        let run = [
            files.deciding(),
            known_issues(&known),
            read(IMAGE_DESCRIPTION, std::iter::once(description.as_path())),
            Ok(loaded_files),
        ];
        for file in run.into_iter().flat_map(|files| files.map_err(|error| error.what).unwrap()) {
            out.entry(file.role).or_default().push(file.sha256);
        }
        out
    }
}

/// How [`Scene::digests`] calls where a digest stands.
fn place(of: DigestOf) -> String {
    match of {
        DigestOf::Run(role) => role.to_owned(),
        DigestOf::Suite | DigestOf::Image | DigestOf::Product => format!("{of:?}"),
    }
}

#[test]
fn whoever_changes_what_decides_gets_another_digest_where_the_table_says_and_nowhere_else() {
    let scene = Scene::new();
    let before = scene.digests();
    assert_eq!(scene.digests(), before, "nothing changed");
    let known: BTreeSet<String> = DECIDES.iter().map(|(_, of, _)| place(*of)).collect();
    assert_eq!(before.keys().cloned().collect::<BTreeSet<_>>(), known, "every place of the table is looked at");
    for (what, of, _) in DECIDES {
        let file = scene.file(what);
        let content = std::fs::read(&file).unwrap();
        std::fs::write(&file, [&content[..], b"# changed\n"].concat()).unwrap();
        let after = scene.digests();
        let other: Vec<&String> = known.iter().filter(|place| before[*place] != after[*place]).collect();
        assert_eq!(other, [&place(of)], "{what:?}");
        std::fs::write(&file, content).unwrap();
    }
    assert_eq!(scene.digests(), before, "as it was");
}

#[test]
fn an_accepted_snapshot_that_is_added_or_removed_makes_another_suite() {
    let scene = Scene::new();
    let suite = |scene: &Scene| scene.digests().remove(&place(DigestOf::Suite));
    let mut seen = vec![suite(&scene)];
    // One of one's own comes before that next to the suite, which no test reads then.
    for what in [Decides::OwnAcceptedSnapshot, Decides::AcceptedSnapshot] {
        std::fs::remove_file(scene.file(what)).unwrap();
        let now = suite(&scene);
        assert!(!seen.contains(&now), "{what:?}");
        seen.push(now);
    }
    std::fs::write(scene.root.join("suites/snapshots/s__users_kernel_mine___users@other.snap"), "x").unwrap();
    assert!(!seen.contains(&suite(&scene)), "of another image");
}

#[test]
fn a_snapshot_of_a_shipped_suite_that_a_person_accepts_is_read_with_it_from_then_on() {
    const SHIPPED: &str = "schema: suite/v1
suite: base
tests:
  - {id: users, snapshots: [{name: list, of: users}]}
";
    let temporary = tempfile::tempdir().unwrap();
    let root = Utf8PathBuf::from_path_buf(temporary.path().canonicalize().unwrap()).unwrap();
    let (share, mine) = (root.join("share/muster"), root.join("mine"));
    for (file, text) in [(share.join("suites/base.yaml"), SHIPPED), (mine.join("suites/mine.yaml"), INCLUDED)] {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }
    let project = Project::installed(&share, &mine);
    let selection = Selection { suites: vec![project.suites()], ..Selection::default() };
    // As a run does.
    let load = |selection: &Selection| {
        let accepted = load::accepted(selection, project.own_snapshots());
        let loaded = muster_suite::load_with(&selection.suites, &load::vocabulary(), &accepted);
        load::valid(loaded).map_err(|error| error.what).unwrap().remove(0)
    };
    let name = file_name("base", "users", "list", "lab");
    let file = format!("{name}{ENDING}");
    let compared = |suite: &muster_suite::model::Suite, update: UpdateMode| {
        let dir = camino::Utf8Path::new(&*suite.file).parent().unwrap();
        let read_as = match &suite.accepted {
            None => ReadAs::Unread,
            Some(accepted) => accepted.get(&file).cloned().map_or(ReadAs::Absent, ReadAs::Sha256),
        };
        compare(&SnapshotRequest {
            places: Places::of(dir, project.own_snapshots().as_ref()),
            read_as,
            pending_directory: root.join("run"),
            name: name.clone(),
            body: "root\n".to_owned(),
            source: Location { file: suite.file.to_string().into(), line: 4, column: 1 },
            description: String::new(),
            info: Vec::new(),
            update,
        })
    };
    let before = load(&selection);
    assert!(matches!(compared(&before, UpdateMode::Ci).unwrap(), SnapshotVerdict::New { .. }));
    let accepting = load(&Selection { accepts_snapshots: true, ..selection.clone() });
    assert_eq!((&accepting.accepted, load::accepted(&selection, None)), (&None, Accepted::NextTo));
    assert!(matches!(compared(&accepting, UpdateMode::Accept).unwrap(), SnapshotVerdict::Accepted { .. }));
    assert!(!share.join("suites/snapshots").exists() && mine.join("suites/snapshots").join(&file).is_file());
    let after = load(&selection);
    assert_ne!(after.digest, before.digest, "the digest of the suite has it");
    assert_eq!(load(&selection).digest, after.digest);
    assert_eq!(compared(&after, UpdateMode::Ci).unwrap(), SnapshotVerdict::Same);
    // What was read before it was accepted is another suite.
    assert!(compared(&before, UpdateMode::Ci).is_err());
}

#[test]
fn the_page_on_certificates_has_the_table() {
    const PAGE: &str = include_str!("../../../docs/certificates.md");
    for (_, of, words) in DECIDES {
        let digest = match of {
            DigestOf::Suite => "the suite".to_owned(),
            DigestOf::Image => "the image".to_owned(),
            DigestOf::Product => "the product".to_owned(),
            DigestOf::Run(role) => format!("its own, as `{role}`"),
        };
        assert!(PAGE.contains(&format!("\n| {words} | {digest} |\n")), "{words} | {digest}");
    }
}
