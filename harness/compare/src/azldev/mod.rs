//! Azure Linux's own record of how it deviates from Fedora: the TOML tree of `azldev`, in which each
//! component may have overlays over its spec and sources. An overlay that says why it exists documents
//! what it can have changed in the packages of its component, and nothing else; [`effect`] says what that
//! is. The shape of the files is azldev's `schemas/azldev.schema.json` (azure-linux-dev-tools).
//!
//! - [`tree`]: what a tree holds.
//! - [`read`]: the tree's files, with all errors at once.
//! - [`effect`]: what an overlay can change in an installed system.

mod effect;
mod read;
mod tree;

use std::collections::{BTreeSet, HashMap};

use super::difference::Difference;
use super::facts::Facts;

pub use read::load;
pub use tree::{Component, Overlay, Tree};

/// A tree and the packages of two systems, so that differences find their overlays.
pub(crate) struct Index<'t> {
    /// Components by the name of the source package, their own or upstream's.
    by_source: HashMap<&'t str, Vec<(&'t str, &'t Component)>>,
    /// Source packages by binary package.
    sources: HashMap<String, BTreeSet<String>>,
}

impl<'t> Index<'t> {
    /// Binary packages are those of the candidate; those that only the baseline has are the baseline's.
    pub(crate) fn new(tree: &'t Tree, baseline: &Facts, candidate: &Facts) -> Self {
        let mut by_source: HashMap<&str, Vec<(&str, &Component)>> = HashMap::new();
        for (name, component) in &tree.components {
            let names = [Some(name.as_str()), component.upstream_name.as_deref()];
            for source in names.into_iter().flatten().collect::<BTreeSet<_>>() {
                by_source.entry(source).or_default().push((name, component));
            }
        }
        let mut sources: HashMap<String, BTreeSet<String>> = HashMap::new();
        for facts in [candidate, baseline] {
            for (package, item) in facts.items("package").into_iter().flatten() {
                let written = item.get("source").map_or("", String::as_str);
                let names = written.split(", ").filter(|name| !name.is_empty()).map(str::to_owned);
                sources.entry(package.clone()).or_insert_with(|| names.collect());
            }
        }
        Self { by_source, sources }
    }

    /// The component and the overlay that document a difference: the first that can have made it and
    /// says why it exists.
    pub(crate) fn documents(&self, difference: &Difference) -> Option<(&'t str, &'t Overlay)> {
        for package in &difference.packages {
            for source in self.sources.get(package).into_iter().flatten() {
                for (name, component) in self.by_source.get(source.as_str()).into_iter().flatten() {
                    let found = component
                        .overlays
                        .iter()
                        .find(|overlay| overlay.is_reasoned() && overlay.effect.explains(difference, name, package));
                    if let Some(overlay) = found {
                        return Some((name, overlay));
                    }
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::comparison::compare;
    use super::super::kinds::all;
    use super::super::testing::{facts, items, package};
    use super::*;
    use muster_suite::diagnostic::Diagnostics;

    const TOML: &str = r#"
[components.systemd]
overlays = [
  { type = "spec-remove-tag", description = "no xen", tag = "BuildRequires", value = "xen-devel" },
  { type = "spec-append-lines", description = "our presets", section = "%install", lines = ["x"] },
]
[components.vim]
[[components.vim.overlays]]
type = "spec-append-lines"
section = "%install"
lines = ["undescribed"]
[components.azurelinux-rpm-config]
spec = { type = "upstream", upstream-name = "redhat-rpm-config" }
[[components.azurelinux-rpm-config.overlays]]
description = "ours"
type = "spec-set-tag"
tag = "Release"
value = "9"
[components.openssl]
[[components.openssl.overlays]]
description = "no engines"
type = "spec-remove-subpackage"
package = "engines"
"#;

    #[test]
    fn overlays_document_what_they_can_have_changed_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        fs_err::write(dir.path().join("components.toml"), TOML).unwrap();
        let mut sink = Diagnostics::new();
        let tree = load(camino::Utf8Path::from_path(dir.path()).unwrap(), &mut sink);
        assert_eq!(sink.render(false), "");
        let owned = |package: &'static str, content: &'static str| {
            [("type", "file"), ("mode", "0644"), ("content", content), ("package", package)]
        };
        let before = facts(&[
            (
                "package",
                items(&[
                    ("systemd", &package("258", "1.fc43", "systemd")),
                    ("vim", &package("9", "1.fc43", "vim")),
                    ("redhat-rpm-config", &package("1", "1", "redhat-rpm-config")),
                    ("openssl-engines", &package("3", "1", "openssl")),
                    ("openssl-libs", &package("3", "1", "openssl")),
                ]),
            ),
            (
                "file",
                items(&[
                    ("/etc/vimrc", &owned("vim", "a")),
                    ("/etc/systemd/x", &owned("systemd", "a")),
                    ("/etc/nobody", &owned("", "a")),
                ]),
            ),
            (
                "soname",
                items(&[
                    ("libengine.so()(64bit)", &[("package", "openssl-engines")]),
                    ("libssl.so.3()(64bit)", &[("package", "openssl-libs")]),
                ]),
            ),
            ("sysctl", items(&[("kernel.x", &[("value", "1")])])),
        ]);
        let mut after = facts(&[
            (
                "package",
                items(&[
                    ("systemd", &package("258", "1.azl4", "systemd")),
                    ("vim", &package("9", "1.azl4", "vim")),
                    ("redhat-rpm-config", &package("1", "9", "azurelinux-rpm-config")),
                ]),
            ),
            (
                "file",
                items(&[
                    ("/etc/vimrc", &owned("vim", "b")),
                    ("/etc/systemd/x", &owned("systemd", "b")),
                    ("/etc/nobody", &owned("", "b")),
                ]),
            ),
            ("sysctl", items(&[("kernel.x", &[("value", "0")])])),
        ]);
        after.name = "candidate".to_owned();
        let index = Index::new(&tree, &before, &after);
        let found = compare(all(), &before, &after);
        let documented: Vec<String> =
            found.differences.iter().filter(|it| index.documents(it).is_some()).map(Difference::key).collect();
        assert_eq!(
            documented,
            [
                "package/removed/openssl-engines",
                "package/changed/redhat-rpm-config:release",
                "soname/removed/libengine.so()(64bit)",
                "file/changed/etc/systemd/x:content",
            ]
        );
        assert_eq!(found.differences.len(), 11, "{:?}", found.differences);
    }

    /// The whole tree of Azure Linux, where somebody has one: `MUSTER_AZLDEV_TREE` names its directory.
    #[test]
    fn the_tree_of_azure_linux_is_read_without_an_error() {
        let named = std::env::var("MUSTER_AZLDEV_TREE").unwrap_or_default();
        let next_to =
            camino::Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora/azurelinux-toml/tree");
        let path = if named.is_empty() { next_to } else { named.into() };
        if !path.is_dir() {
            return;
        }
        let mut sink = Diagnostics::new();
        let tree = load(&path, &mut sink);
        assert_eq!(sink.render(false), "");
        let with_overlays = tree.components.values().filter(|component| !component.overlays.is_empty()).count();
        assert_eq!((tree.overlays(), with_overlays, tree.components.len()), (233, 97, 7583));
        assert_eq!(tree.notes, Vec::<String>::new());
        let described =
            tree.components.values().flat_map(|component| &component.overlays).filter(|it| it.is_reasoned());
        assert_eq!(described.count(), 195);
        let upstream = &tree.components["azurelinux-rpm-config"].upstream_name;
        assert_eq!(upstream.as_deref(), Some("redhat-rpm-config"));
    }
}
