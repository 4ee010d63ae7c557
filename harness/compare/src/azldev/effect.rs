//! What an overlay can change in an installed system. An overlay that changes how a package is built, what
//! it is tested with or how it describes itself documents nothing that a comparison sees; one that touches
//! what is installed documents differences of the files of its component's packages. Never more: packages
//! that come or go, other versions, and sonames need an overlay that is about just that.

use crate::difference::{Change, Difference};

/// The types of overlays there are (azldev's `ComponentOverlay`).
pub(crate) const TYPES: &[&str] = &[
    "spec-add-tag",
    "spec-insert-tag",
    "spec-set-tag",
    "spec-update-tag",
    "spec-remove-tag",
    "spec-prepend-lines",
    "spec-append-lines",
    "spec-search-replace",
    "spec-remove-section",
    "spec-remove-subpackage",
    "patch-add",
    "patch-remove",
    "file-prepend-lines",
    "file-search-replace",
    "file-add",
    "file-remove",
    "file-rename",
];

/// The kinds of facts that the content of packages shows in.
const CONTENT: &[&str] = &["file", "unit", "command"];

/// What an overlay can change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Nothing that is seen in an installed system.
    Nothing,
    /// One field of the component's packages: `epoch`, `version` or `release`.
    Field(&'static str),
    /// What installed files hold.
    Content {
        /// Only of this package of the component, as the spec names it.
        package: Option<String>,
    },
    /// What installed files hold, and which there are.
    Files {
        /// Only of this package of the component, as the spec names it.
        package: Option<String>,
    },
    /// That a package of the component is gone, with all that is in it.
    Removal {
        /// The package, as the spec names it.
        package: String,
    },
}

/// What of an overlay decides its effect.
#[derive(Debug, Clone, Copy, Default)]
pub struct Parts<'o> {
    /// `tag`.
    pub tag: Option<&'o str>,
    /// `section`.
    pub section: Option<&'o str>,
    /// `package`.
    pub package: Option<&'o str>,
    /// `file`.
    pub file: Option<&'o str>,
}

impl Effect {
    /// The effect of an overlay of that type; `None` when the type is not known.
    pub fn of(kind: &str, parts: Parts<'_>) -> Option<Self> {
        let package = || parts.package.filter(|name| !name.is_empty()).map(str::to_owned);
        if !TYPES.contains(&kind) {
            return None;
        }
        Some(match kind {
            "spec-remove-subpackage" => package().map_or(Self::Nothing, |package| Self::Removal { package }),
            "spec-remove-section" => match (section(parts.section), package()) {
                ("%package" | "%files", Some(package)) => Self::Removal { package },
                (name, package) => of_section(name, package),
            },
            // A source that is no patch is mostly a file that is installed.
            "file-add" | "file-remove" | "file-rename" if !parts.file.is_some_and(|file| file.ends_with(".patch")) => {
                Self::Files { package: package() }
            }
            kind if kind.starts_with("patch-") || kind.starts_with("file-") => Self::Content { package: package() },
            kind if kind.ends_with("-tag") => of_tag(parts.tag.unwrap_or_default(), package()),
            _ => of_section(section(parts.section), package()),
        })
    }

    /// Whether it can have made this difference of something that belongs to `package`, which was built
    /// from `component`.
    pub fn explains(&self, difference: &Difference, component: &str, package: &str) -> bool {
        let within = |named: &Option<String>| named.as_deref().is_none_or(|named| is_called(package, component, named));
        let of_content = CONTENT.contains(&difference.kind);
        match self {
            Self::Nothing => false,
            Self::Field(field) => difference.kind == "package" && difference.field == Some(field),
            Self::Content { package } => of_content && difference.change == Change::Changed && within(package),
            Self::Files { package } => of_content && within(package),
            Self::Removal { package: named } => {
                let of_it = of_content || matches!(difference.kind, "package" | "soname");
                of_it && difference.change == Change::Removed && is_called(package, component, named)
            }
        }
    }
}

/// A spec names its packages in full, or by what stands behind the component's name.
fn is_called(package: &str, component: &str, named: &str) -> bool {
    package == named || package.strip_prefix(component).and_then(|rest| rest.strip_prefix('-')) == Some(named)
}

/// The section without its options: `%files -n foo` is `%files`.
fn section(written: Option<&str>) -> &str {
    written.unwrap_or_default().split_whitespace().next().unwrap_or_default()
}

fn of_section(name: &str, package: Option<String>) -> Effect {
    match name {
        "%check" | "%changelog" | "%description" | "%generate_buildrequires" | "%sourcelist" | "%patchlist" => {
            Effect::Nothing
        }
        "%prep" | "%build" | "%conf" => Effect::Content { package },
        // What is installed, what packages hold, scripts of packages, and the spec as a whole.
        _ => Effect::Files { package },
    }
}

fn of_tag(tag: &str, package: Option<String>) -> Effect {
    let tag = tag.to_ascii_lowercase();
    match tag.trim_end_matches(|c: char| c.is_ascii_digit()) {
        "version" => Effect::Field("version"),
        "release" => Effect::Field("release"),
        "epoch" => Effect::Field("epoch"),
        "patch" => Effect::Content { package },
        "source" => Effect::Files { package },
        // Dependencies, provides, licences, architectures: nothing of the files.
        _ => Effect::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn effect(kind: &str, parts: Parts<'_>) -> Effect {
        Effect::of(kind, parts).unwrap()
    }

    #[test]
    fn what_only_the_build_sees_documents_nothing() {
        let tag = |tag: &'static str| effect("spec-remove-tag", Parts { tag: Some(tag), ..Parts::default() });
        assert_eq!(
            (tag("BuildRequires"), tag("Requires"), tag("License")),
            (Effect::Nothing, Effect::Nothing, Effect::Nothing)
        );
        let section =
            |section: &'static str| effect("spec-search-replace", Parts { section: Some(section), ..Parts::default() });
        assert_eq!((section("%check"), section("%changelog")), (Effect::Nothing, Effect::Nothing));
    }

    #[test]
    fn what_is_installed_documents_files() {
        let section =
            |section: &'static str| effect("spec-append-lines", Parts { section: Some(section), ..Parts::default() });
        assert_eq!(section("%install"), Effect::Files { package: None });
        assert_eq!(section("%files -n x"), Effect::Files { package: None });
        assert_eq!(section("%build"), Effect::Content { package: None });
        let file = |file: &'static str| effect("file-add", Parts { file: Some(file), ..Parts::default() });
        assert_eq!(
            (file("a.patch"), file("90-x.preset")),
            (Effect::Content { package: None }, Effect::Files { package: None })
        );
        assert_eq!(
            effect("spec-insert-tag", Parts { tag: Some("Source12"), ..Parts::default() }),
            Effect::Files { package: None }
        );
    }

    #[test]
    fn every_type_has_an_effect_and_others_have_none() {
        assert!(TYPES.iter().all(|kind| Effect::of(kind, Parts::default()).is_some()));
        assert_eq!(Effect::of("spec-rewrite", Parts::default()), None);
    }

    #[test]
    fn a_package_is_called_in_full_or_by_its_end() {
        assert!(is_called("openssl-engines", "openssl", "engines") && is_called("libfoo", "foo", "libfoo"));
        assert!(!is_called("openssl-libs", "openssl", "engines") && !is_called("opensslengines", "openssl", "engines"));
    }
}
