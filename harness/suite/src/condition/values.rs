//! Which values a dimension can have at all. A comparison with any other holds on no system, so that its test would
//! never run and nobody would see it.

use super::super::diagnostic::{codes, did_you_mean};
use super::dimensions::words;
use super::distro::{distro, id_of_distro};
use crate::version::wildcard;

/// Why a dimension never has a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NeverSo {
    /// The diagnostic code.
    pub code: &'static str,
    /// One sentence.
    pub message: String,
    /// What was probably meant.
    pub near: Option<String>,
    /// What its values are.
    pub note: String,
}

/// What the values of a dimension are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Alphabet {
    /// One of these.
    Words(&'static [&'static str]),
    /// What `ID`, `ID_LIKE`, `VERSION_ID` and `VARIANT_ID` of os-release are made of.
    OsRelease,
    /// A version that begins with a digit.
    Version,
    /// A whole number.
    Number,
    /// The id of an image: of the catalogue, or made of the name of a file.
    Image,
    /// Names that the vocabulary of the caller lists.
    Vocabulary,
}

/// What the values of a dimension are made of; `None` when there is no such dimension.
pub(super) fn alphabet(dimension: &str) -> Option<Alphabet> {
    if let Some(words) = words(dimension) {
        return Some(Alphabet::Words(words));
    }
    Some(match dimension {
        "distro" | "id" | "id-like" | "variant" => Alphabet::OsRelease,
        "kernel" | "rpm" => Alphabet::Version,
        "systemd" => Alphabet::Number,
        "image" => Alphabet::Image,
        "capability" | "tool" => Alphabet::Vocabulary,
        _ => return None,
    })
}

/// Words of a dimension that a message names at most.
const MOST_NAMED: usize = 16;

/// What others call a value: dimension, their name, ours.
const SYNONYMS: &[(&str, &str, &str)] = &[
    ("arch", "amd64", "x86_64"),
    ("arch", "x64", "x86_64"),
    ("arch", "x86-64", "x86_64"),
    ("arch", "x8664", "x86_64"),
    ("arch", "intel64", "x86_64"),
    ("arch", "em64t", "x86_64"),
    ("arch", "x86", "i686"),
    ("arch", "ia32", "i686"),
    ("arch", "arm64", "aarch64"),
    ("arch", "arm64e", "aarch64"),
    ("arch", "armv8", "aarch64"),
    ("arch", "armv8-a", "aarch64"),
    ("arch", "armv8a", "aarch64"),
    ("arch", "armv9", "aarch64"),
    ("arch", "arm", "armv7l"),
    ("arch", "armhf", "armv7l"),
    ("arch", "armhfp", "armv7l"),
    ("arch", "armv7", "armv7l"),
    ("arch", "armv7hl", "armv7l"),
    ("arch", "ppc64el", "ppc64le"),
    ("arch", "powerpc64le", "ppc64le"),
    ("arch", "riscv", "riscv64"),
    ("arch", "rv64", "riscv64"),
    ("arch", "loong64", "loongarch64"),
    ("arch", "loongarch", "loongarch64"),
    ("arch", "zarch", "s390x"),
    ("firmware", "uefi-secure", "uefi"),
    ("firmware", "secure-boot", "uefi"),
    ("firmware", "ovmf", "uefi"),
    ("firmware", "legacy", "bios"),
    ("firmware", "seabios", "bios"),
    ("mode", "immutable", "image"),
    ("mode", "read-only", "image"),
    ("mode", "readonly", "image"),
    ("mode", "mutable", "package"),
    ("disk-format", "vpc", "vhd"),
    ("disk-format", "img", "raw"),
    ("accelerator", "qemu", "tcg"),
    ("package-manager", "yum", "dnf4"),
    ("package-manager", "dnf", "dnf5"),
];

/// Systems whose ID breaks the alphabet of os-release(5).
const ODD_IDS: &[&str] = &["openEuler", "Deepin"];

/// What distributions are called elsewhere, and their ID.
const OTHER_IDS: &[(&str, &str)] = &[
    ("azl", "azurelinux"),
    ("amazonlinux", "amzn"),
    ("archlinux", "arch"),
    ("oraclelinux", "ol"),
    ("redhat", "rhel"),
    ("rockylinux", "rocky"),
];

/// IDs of distributions. Others are as good: a private distribution has an ID of its own.
const IDS: &[&str] = &[
    "almalinux",
    "alpine",
    "alt",
    "altlinux",
    "amzn",
    "anolis",
    "arch",
    "archarm",
    "azurelinux",
    "bottlerocket",
    "buildroot",
    "centos",
    "chimera",
    "clear-linux-os",
    "coreos",
    "cos",
    "debian",
    "deepin",
    "devuan",
    "elementary",
    "endeavouros",
    "eurolinux",
    "fedora",
    "fedora-asahi-remix",
    "flatcar",
    "garuda",
    "gentoo",
    "guix",
    "kali",
    "kylin",
    "linuxmint",
    "mageia",
    "manjaro",
    "mariner",
    "miraclelinux",
    "muster-lab",
    "nixos",
    "nobara",
    "ol",
    "opencloudos",
    "openmandriva",
    "opensuse",
    "opensuse-leap",
    "opensuse-microos",
    "opensuse-tumbleweed",
    "openwrt",
    "photon",
    "pop",
    "poky",
    "raspbian",
    "rhel",
    "rocky",
    "scientific",
    "slackware",
    "sle-micro",
    "sle_hpc",
    "sled",
    "sles",
    "sles_sap",
    "solus",
    "talos",
    "tencentos",
    "ubuntu",
    "ultramarine",
    "void",
    "vyos",
    "wolfi",
    "xenenterprise",
    "zorin",
];

/// The value of a dimension that others call so, in lower case.
pub(crate) fn synonym(dimension: &str, name: &str) -> Option<&'static str> {
    SYNONYMS.iter().find(|(of, other, _)| *of == dimension && *other == name).map(|(.., ours)| *ours)
}

/// Why the dimension never has this value; `None` when it may have it, or when there is no such dimension. What a
/// vocabulary lists is for whoever has it.
pub fn never_so(dimension: &str, value: &str) -> Option<NeverSo> {
    let meant = |known: &[&'static str]| {
        let near = synonym(dimension, &value.to_lowercase()).or_else(|| did_you_mean(value, known.iter().copied()));
        near.map(str::to_owned)
    };
    if let Some(near) = without_wildcard(dimension, value) {
        return Some(NeverSo {
            code: codes::BAD_CONDITION,
            message: format!("`{value}` has a field for any number"),
            near: Some(near),
            note: "fields that are not stated are not compared".to_owned(),
        });
    }
    match alphabet(dimension)? {
        Alphabet::Words(words) if !words.contains(&value) => {
            Some(unknown(dimension, value, meant(words), format!("it is one of: {}", some_of(words))))
        }
        Alphabet::OsRelease if !is_plain(value) => {
            let note = "values of os-release are letters, digits, `.`, `_` and `-`";
            Some(unknown(dimension, value, None, note.to_owned()))
        }
        Alphabet::OsRelease => {
            let near = in_other_case(dimension, value)?;
            let note = "upper and lower case differ in os-release";
            Some(unknown(dimension, value, Some(near), note.to_owned()))
        }
        Alphabet::Image if !is_plain(value) => {
            let note = "ids of images are letters, digits, `.`, `_` and `-`";
            Some(unknown(dimension, value, None, note.to_owned()))
        }
        Alphabet::Version if !is_version(value) => Some(NeverSo {
            code: codes::BAD_CONDITION,
            message: format!("`{value}` is not a version"),
            near: None,
            note: "versions begin with a digit and have neither spaces nor `*`".to_owned(),
        }),
        Alphabet::Number if value.is_empty() || !value.bytes().all(|b| b.is_ascii_digit()) => {
            let digits: String =
                value.trim_start_matches(['v', 'V']).chars().take_while(char::is_ascii_digit).collect();
            Some(NeverSo {
                code: codes::BAD_CONDITION,
                message: format!("`{value}` is not a version of `{dimension}`, which is a whole number"),
                near: Some(digits).filter(|digits| !digits.is_empty()),
                note: format!("`{dimension}` is the major version alone, such as `257`"),
            })
        }
        _ => None,
    }
}

/// The first of the words, where they are many.
fn some_of(words: &[&str]) -> String {
    match words.len().saturating_sub(MOST_NAMED) {
        0 => words.join(", "),
        more => format!("{} and {more} more", words[..MOST_NAMED].join(", ")),
    }
}

fn unknown(dimension: &str, value: &str, near: Option<String>, note: String) -> NeverSo {
    NeverSo { code: codes::UNKNOWN_KEYWORD, message: format!("`{dimension}` is never `{value}`"), near, note }
}

/// What values of os-release and ids of images are made of. os-release(5) has lower case alone, but systems have
/// `ID=openEuler` and `VERSION_ID=V10`.
fn is_plain(value: &str) -> bool {
    !value.is_empty() && value.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}

/// The value with the known ID that it begins with, where it has that in another case with a capital of its own:
/// `fedora-43` for `Fedora-43`. In lower case an ID may be that of another system.
fn in_other_case(dimension: &str, value: &str) -> Option<String> {
    let id_of = |known: &str| -> Option<&str> {
        let (id, rest) = value.split_at_checked(known.len())?;
        let ends = rest.is_empty() || dimension == "distro" && rest.starts_with('-');
        (ends && id.eq_ignore_ascii_case(known)).then_some(id)
    };
    if dimension == "variant" || IDS.iter().chain(ODD_IDS).any(|known| id_of(known) == Some(known)) {
        return None;
    }
    let known = IDS.iter().chain(ODD_IDS).filter(|known| id_of(known).is_some()).max_by_key(|known| known.len())?;
    let has_capital = value[..known.len()].bytes().any(|b| b.is_ascii_uppercase());
    has_capital.then(|| format!("{known}{}", &value[known.len()..]))
}

/// What says the same as a version with a field such as `x` or `*`: the fields before it.
fn without_wildcard(dimension: &str, value: &str) -> Option<String> {
    match dimension {
        "kernel" | "rpm" => wildcard(value),
        "distro" => {
            let (id, version) = distro(value, None);
            match version {
                Some(version) => wildcard(version).map(|version| format!("{id}-{version}")),
                None => value.strip_suffix("-*").filter(|id| is_plain(id)).map(str::to_owned),
            }
        }
        _ => None,
    }
}

fn is_version(value: &str) -> bool {
    value.starts_with(|c: char| c.is_ascii_digit()) && value.bytes().all(|b| b.is_ascii_graphic() && b != b'*')
}

/// What was probably meant by a value of `distro`, `id` or `id-like` that is legal and close to a known one
/// (`fedora-43` for `fedroa-43`), or by a variant with capitals (`server` for `Server`).
pub(super) fn familiar(dimension: &str, value: &str) -> Option<String> {
    if dimension == "variant" {
        return Some(value.to_ascii_lowercase()).filter(|lower| lower != value);
    }
    if !matches!(dimension, "distro" | "id" | "id-like") || !is_plain(value) {
        return None;
    }
    let id = if dimension == "distro" { id_of_distro(value) } else { value };
    let known = |id: &str| IDS.contains(&id) || ODD_IDS.contains(&id);
    if known(id) {
        return None;
    }
    // Another name of a system, and one whose version has no `-` before it: `azl-4`, `fedora43`, `azl4`.
    let letters = id.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    let other = |name: &str| OTHER_IDS.iter().find(|(other, _)| *other == name).map(|(_, ours)| *ours);
    let whole = (id, &value[id.len()..]);
    let cut = (letters, &id[letters.len()..]);
    if let Some(ours) = other(whole.0) {
        return Some(format!("{ours}{}", whole.1));
    }
    if dimension == "distro" && id == value && !cut.1.is_empty() && (known(cut.0) || other(cut.0).is_some()) {
        let version = match cut {
            ("ubuntu", digits) if digits.len() == 4 && !digits.contains('.') => {
                format!("{}.{}", &digits[..2], &digits[2..])
            }
            (_, version) => version.to_owned(),
        };
        return Some(format!("{}-{version}", other(cut.0).unwrap_or(cut.0)));
    }
    // Short IDs are close to many others.
    if id.len() < 4 {
        return None;
    }
    // At most two letters are wrong, or two have changed places.
    let near = did_you_mean(id, IDS.iter().chain(ODD_IDS).copied())
        .filter(|near| near.len() >= 4 && near.len().abs_diff(id.len()) <= 1)?;
    match distro(value, Some(id)) {
        (_, Some(version)) if dimension == "distro" => Some(format!("{near}-{version}")),
        _ => Some(near.to_owned()),
    }
}

/// What was probably meant by the ID of a distribution or by an architecture, where any name is legal.
pub(crate) fn probably_meant(dimension: &str, value: &str) -> Option<String> {
    match dimension {
        // An ID alone: what has a version is no ID of a system.
        "distro" => familiar("id", value),
        _ => never_so(dimension, value)?.near,
    }
}
