use std::fs::File;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde_json::json;

use super::*;
use crate::description::{MachineDescription, Memory};
use crate::{AccelKind, Network, start};
use muster_base::machine::{FirmwareKind, Format};
use muster_image::{DiskSource, ImageSpec, Inspected};

const MIB: u64 = 1 << 20;

fn key(digit: char) -> TemplateKey {
    let mut spec = ImageSpec::new("lab", DiskSource::Path("/a".into()), Format::Qcow2);
    spec.firmware = FirmwareKind::Bios;
    let image = Inspected { path: "/a".into(), format: Format::Qcow2, virtual_size: 1, actual_size: 1 };
    let description = start::unseeded(&spec, &image, AccelKind::Tcg, Network::Restricted, false).unwrap();
    TemplateKey { word: digit.to_string().repeat(32), description }
}

fn template(key: &TemplateKey, seed: Option<&Path>) -> Template {
    let file = |length: u64, text: &[u8]| {
        let file = tempfile::tempfile().unwrap();
        file.set_len(length).unwrap();
        file.write_all_at(text, 0).unwrap();
        file
    };
    let description = MachineDescription {
        memory: Memory::Cloned,
        id: "lab-1".to_owned(),
        seed_disk: seed.map(Path::to_owned),
        smbios: vec!["of the run".to_owned()],
        ..key.description.clone()
    };
    Template {
        description,
        ram: file(64 * MIB, b"what the guest knew"),
        state: file(10, b"devices"),
        layers: vec![file(20, b"newest"), file(20, b"below")],
        vars: None,
        extra: Vec::new(),
        blank: file(30, b"blank"),
    }
}

struct Cache {
    dir: tempfile::TempDir,
    store: TemplateStore,
}

impl Cache {
    fn new(limit: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = TemplateStore::open(&TemplateStore::below(dir.path()), limit).unwrap();
        Self { dir, store }
    }

    fn keep(&self, key: &TemplateKey) -> Result<u64, StoreError> {
        let private = self.dir.path().join("private");
        std::fs::write(&private, "PRIVATE").unwrap();
        let seed = self.dir.path().join("seed.img");
        std::fs::write(&seed, "SEED").unwrap();
        let claim = self.store.claim(key).unwrap().unwrap();
        self.store.keep(&claim, &template(key, Some(&seed)), &private, json!({"facts": 7}))
    }

    fn path(&self, key: &TemplateKey, name: &str) -> PathBuf {
        self.dir.path().join("templates").join(&key.word).join(name)
    }

    fn names(&self) -> Vec<String> {
        let names = std::fs::read_dir(self.dir.path().join("templates")).unwrap();
        let mut names: Vec<String> = names.map(|found| found.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn head(file: &File, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, 0).unwrap();
    bytes
}

#[test]
fn a_kept_template_is_recalled_with_all_that_it_had() {
    let (cache, key) = (Cache::new(DEFAULT_LIMIT), key('a'));
    assert!(cache.store.recall(&key).unwrap().is_none());
    let bytes = cache.keep(&key).unwrap();
    assert!(bytes < 2 * MIB, "holes must stay holes: {bytes}");
    let stored = cache.store.recall(&key).unwrap().unwrap();
    assert_eq!(stored.about, json!({"facts": 7}));
    assert_eq!(std::fs::read_to_string(&stored.private_key).unwrap(), "PRIVATE");
    let template = &stored.template;
    assert_eq!(head(&template.ram, 19), b"what the guest knew");
    assert_eq!(template.ram.metadata().unwrap().len(), 64 * MIB);
    assert_eq!((head(&template.layers[0], 6), head(&template.layers[1], 5)), (b"newest".to_vec(), b"below".to_vec()));
    assert_eq!(template.description.memory, Memory::Cloned);
    assert_eq!(template.description.smbios, ["of the run"]);
    let seed = template.description.seed_disk.as_ref().unwrap();
    assert_eq!(std::fs::read_to_string(seed).unwrap(), "SEED");
    // A template that is read must not be written, whoever tries.
    assert!(template.ram.write_at(b"x", 0).is_err());
}

#[test]
fn only_this_user_can_read_any_of_it() {
    let (cache, key) = (Cache::new(DEFAULT_LIMIT), key('a'));
    cache.keep(&key).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&cache.dir.path().join("templates")), 0o700);
    assert_eq!(mode(&cache.path(&key, "")), 0o700);
    for found in std::fs::read_dir(cache.path(&key, "")).unwrap() {
        let path = found.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    // And one that others can read is not trusted.
    std::fs::set_permissions(cache.path(&key, "state"), std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(matches!(cache.store.recall(&key), Err(StoreError::Damaged(Damage::Open { name })) if name == "state"));
    std::fs::set_permissions(cache.path(&key, ""), std::fs::Permissions::from_mode(0o755)).unwrap();
    assert!(matches!(cache.store.recall(&key), Err(StoreError::Foreign { .. })));
}

/// Spoils one file of a template and gives the error of recalling it, which must then be removable.
fn spoiled(name: &str, spoil: impl Fn(&Path)) -> String {
    let (cache, key) = (Cache::new(DEFAULT_LIMIT), key('a'));
    cache.keep(&key).unwrap();
    spoil(&cache.path(&key, name));
    let error = cache.store.recall(&key).unwrap_err().to_string();
    assert!(cache.store.discard(&key));
    assert!(cache.store.recall(&key).unwrap().is_none());
    error
}

#[test]
fn damage_is_found_and_named() {
    let cut = |path: &Path| File::options().write(true).open(path).unwrap().set_len(5).unwrap();
    assert_eq!(spoiled("ram", cut), "ram has 5 bytes instead of 67108864");
    assert_eq!(spoiled("state", cut), "state has 5 bytes instead of 10");
    let flip = |path: &Path| File::options().write(true).open(path).unwrap().write_all_at(b"X", 3).unwrap();
    for name in ["ram", "state", "layer-1", "blank", "seed", "id_ed25519"] {
        assert_eq!(spoiled(name, flip), format!("{name} is not what it was when the template was made"));
    }
    assert_eq!(spoiled("template.json", flip), "template.json is not what it was when the template was made");
    let gone = |path: &Path| std::fs::remove_file(path).unwrap();
    assert!(spoiled("layer-0", gone).starts_with("layer-0 cannot be read: "));
    let link = |path: &Path| {
        std::fs::remove_file(path).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", path).unwrap();
    };
    assert!(spoiled("state", link).starts_with("state cannot be read: "));
}

#[test]
fn a_template_under_another_key_is_not_taken_for_it() {
    let (cache, first, second) = (Cache::new(DEFAULT_LIMIT), key('a'), key('b'));
    cache.keep(&first).unwrap();
    std::fs::rename(cache.path(&first, ""), cache.path(&second, "")).unwrap();
    assert!(matches!(cache.store.recall(&second), Err(StoreError::Damaged(Damage::Metadata(_)))));
}

#[test]
fn one_run_at_a_time_may_make_a_template() {
    let (cache, key) = (Cache::new(DEFAULT_LIMIT), key('a'));
    let claim = cache.store.claim(&key).unwrap().unwrap();
    assert!(cache.store.claim(&key).unwrap().is_none());
    drop(claim);
    assert!(cache.store.claim(&key).unwrap().is_some());
}

#[test]
fn what_is_in_use_is_never_removed() {
    let (cache, key) = (Cache::new(DEFAULT_LIMIT), key('a'));
    cache.keep(&key).unwrap();
    let stored = cache.store.recall(&key).unwrap().unwrap();
    let entries = cache.store.list();
    let entry = entries.iter().find(|entry| entry.kind == EntryKind::Template).unwrap();
    assert!(entry.made.is_some());
    assert!(cache.store.in_use(entry) && !cache.store.remove(entry) && !cache.store.discard(&key));
    let second = cache.store.recall(&key).unwrap().unwrap();
    assert!(!stored.hold.discard(), "another run uses it");
    drop(second);
    assert!(stored.hold.discard());
    assert!(cache.store.recall(&key).unwrap().is_none());
}

#[test]
fn the_least_recently_used_go_when_there_is_no_room() {
    // Each takes a little more than half of the limit.
    let one = Cache::new(DEFAULT_LIMIT).keep(&key('a')).unwrap();
    let cache = Cache::new(one * 5 / 2);
    let (a, b, c) = (key('a'), key('b'), key('c'));
    cache.keep(&a).unwrap();
    cache.keep(&b).unwrap();
    let past = SystemTime::now() - Duration::from_secs(60);
    File::open(cache.path(&b, "")).unwrap().set_modified(past).unwrap();
    File::open(cache.path(&a, "")).unwrap().set_modified(past - Duration::from_secs(60)).unwrap();
    // Using it counts.
    cache.store.recall(&a).unwrap().unwrap();
    cache.keep(&c).unwrap();
    let there = |key: &TemplateKey| cache.path(key, "ram").exists();
    assert_eq!((there(&a), there(&b), there(&c)), (true, false, true));
}

#[test]
fn what_is_larger_than_all_may_be_is_not_kept() {
    let cache = Cache::new(4096);
    assert!(matches!(cache.keep(&key('a')), Err(StoreError::TooLarge { .. })));
    let left: Vec<String> = cache.names().into_iter().filter(|name| !name.ends_with(".lock")).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_link_is_neither_followed_nor_listed() {
    let cache = Cache::new(DEFAULT_LIMIT);
    let elsewhere = tempfile::tempdir().unwrap();
    std::fs::write(elsewhere.path().join("precious"), "x").unwrap();
    let link = cache.path(&key('d'), "");
    let link = link.to_str().unwrap().trim_end_matches('/');
    std::os::unix::fs::symlink(elsewhere.path(), link).unwrap();
    assert_eq!(cache.store.list(), []);
    assert!(matches!(cache.store.recall(&key('d')), Err(StoreError::Dir { .. })));
    assert!(!cache.store.discard(&key('d')));
    assert!(elsewhere.path().join("precious").exists());
}
